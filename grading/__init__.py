"""Release student notebooks, collect, and grade a class: see docs/grading.md."""
