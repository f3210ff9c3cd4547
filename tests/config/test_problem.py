"""Problems as people read them."""

from prism.config.yaml.problem import PRINTED, ConfigInvalid, Problem, nearest, path


def test_a_problem_in_one_line() -> None:
    """Place, path, what is wrong, what was found, what is allowed, the nearest spelling."""
    problem = Problem("p.yaml", 4, 7, "a.b", "no such key", "'sise'", "size, mode", "size")
    assert str(problem) == ("p.yaml:4:7 a.b: no such key; found 'sise'; allowed: size, mode; did you mean 'size'?")


def test_the_text_of_all_problems_is_in_the_order_of_the_file() -> None:
    """The first line counts them; each is told once."""
    problems = [Problem("p.yaml", line, 1, "x", f"wrong {line}") for line in (9, 2, 9, 5)]
    text = str(ConfigInvalid(problems))
    assert text.splitlines()[0] == "p.yaml: 3 problems"
    assert text.index("wrong 2") < text.index("wrong 5") < text.index("wrong 9")


def test_a_flood_of_problems_is_cut_in_text_only() -> None:
    """Nobody reads ten thousand; programs may."""
    error = ConfigInvalid(Problem("p.yaml", line, 1, "x", "wrong") for line in range(1, 1001))
    assert len(error.problems) == 1000
    assert str(error).endswith(f"and {1000 - PRINTED} more")


def test_nearest_ignores_case_and_joints() -> None:
    """`KeyValue`, `key_value` and `kevalue` all mean `keyvalue`; `queue` does not."""
    assert {nearest(each, ["keyvalue", "cache"]) for each in ("KeyValue", "key_value", "kevalue")} == {"keyvalue"}
    assert nearest("queue", ["keyvalue", "cache"]) == ""


def test_nearest_takes_a_longer_word_for_its_beginning() -> None:
    """`certificate` means `cert`, though another key looks more like it."""
    assert nearest("certificate", ["cert", "client_certificates", "key"]) == "cert"
    assert nearest("keyfile", ["cert", "client_certificates", "key"]) == "key"


def test_paths_quote_what_is_no_word() -> None:
    """A key with a dot in it cannot be taken for two."""
    assert path(("namespaces", 3, "config", "a.b")) == 'namespaces[3].config["a.b"]'
