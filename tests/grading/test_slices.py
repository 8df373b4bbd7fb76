"""A cell's needs: the statements that give its names, decorators and changed parts included."""

from course_lib.course import slices

BEFORE = [
    "import math\nimport os; x = 1",
    "%magic\ny = 2",
    "@property\ndef f(a):\n    return math.sqrt(a) + x",
    "table = {}\ntable['a'] = f\nz = train_for_an_hour()",
]


def needed(source):
    return slices.needed(slices.statements(BEFORE), source)


def test_what_is_needed_comes_in_order_and_nothing_else():
    assert needed("g = f") == ["import math", "x = 1", "@property\n" + BEFORE[2].split("\n", 1)[1]]
    assert needed("table['a']")[-2:] == ["table = {}", "table['a'] = f"]
    assert needed("x = 3\nx + 1") == []
    assert needed("for i in range(3): print(i)") == []


def test_a_text_that_is_no_python_needs_nothing():
    deep = "(" * 5000
    for source in ("def f(", "%magic", "\0", deep, "é" * 9 + "="):
        assert slices.needed(slices.statements(BEFORE), source) == []


def test_a_function_s_names_are_read_and_its_own_are_not():
    given, read = slices.names("def f(a):\n    b = a\n    return b + c")
    assert given == {"f"} and read >= {"c"} and not read & {"a", "b"}
