"""What is asked of a task's functions: a file a notebook, a function a question.

Each draws its inputs from a generator (so the seed decides them), and returns {name of a part: a
function without arguments}. Students have these files too: they hold no answers.
"""
