"""Parameters: one dataclass, clear refusals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bconnect_node import parameters
from bconnect_node.base import alive
from bconnect_site.errors import ConfigError


def refusal(ros: Any, nodes: Any, **values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        nodes.Sample(namespace="/demo", parameter_overrides={"name": "a", **values})
    assert not alive
    return str(caught.value)


def test_defaults_and_values(ros: Any, nodes: Any) -> None:
    node = ros.add(
        nodes.Sample,
        namespace="/demo",
        parameter_overrides={"name": "a", "rate": 5, "cameras": ["x", "y"], "rates": [1, 2.5]},
    )
    expected = nodes.SampleParams(name="a", rate=5.0, cameras=["x", "y"], rates=[1.0, 2.5])
    assert node.params == expected
    assert isinstance(node.params.rate, float)
    assert list(node.get_parameter("rates").value) == [1.0, 2.5]


def test_an_empty_list_stays_a_list(ros: Any, nodes: Any) -> None:
    node = ros.add(nodes.Sample, parameter_overrides={"name": "a", "cameras": [], "rates": []})
    assert node.params.cameras == []
    assert node.params.rates == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"rate": 0.0}, "/demo/sample: rate: found 0.0; allowed: a number from 0.1 to 60.0"),
        ({"rate": float("nan")}, "/demo/sample: rate: found nan; allowed: a number from 0.1"),
        ({"rate": "fast"}, "/demo/sample: rate: found 'fast'; allowed: a number from 0.1 to 60.0"),
        ({"count": 2.5}, "/demo/sample: count: found 2.5; allowed: a whole number of at least 1"),
        ({"count": True}, "/demo/sample: count: found True; allowed: a whole number of at least"),
        ({"loud": 1}, "/demo/sample: loud: found 1; allowed: true or false"),
        ({"mode": "loud"}, "/demo/sample: mode: found 'loud'; allowed: auto, manual"),
        ({"cameras": "x"}, "/demo/sample: cameras: found 'x'; allowed: a list of texts"),
        ({"cameras": ["x", 1]}, "/demo/sample: cameras: found ['x', 1]; allowed: a list of texts"),
        ({"rates": [1.0, -1.0]}, "/demo/sample: rates: found [1.0, -1.0]; allowed: a list of"),
        ({"ratte": 1.0}, '/demo/sample: ratte: no parameter is called so; did you mean "rate"?'),
        ({"name": None}, "/demo/sample: name: is missing; needs text"),
    ],
)
def test_refusals_are_one_sentence(ros: Any, nodes: Any, values: Any, sentence: str) -> None:
    said = refusal(ros, nodes, **values)
    assert said.startswith(sentence)
    assert "\n" not in said


def test_every_mistake_is_named_at_once(ros: Any, nodes: Any) -> None:
    assert len(refusal(ros, nodes, rate=-1.0, loud="yes").splitlines()) == 2


def test_parameters_given_by_ros_are_checked_too(ros: Any, nodes: Any) -> None:
    arguments = ["--ros-args", "-p", "name:=b", "-p", "rate:=7"]
    assert ros.add(nodes.Sample, cli_args=arguments).params.rate == 7.0
    wrong = ["--ros-args", "-p", "name:=b", "-p", "mode:=x", "-p", "modus:=auto"]
    with pytest.raises(ConfigError) as caught:
        nodes.Sample(cli_args=wrong)
    assert "/sample: mode: found 'x'; allowed: auto, manual" in str(caught.value)
    assert 'modus: no parameter is called so; did you mean "mode"?' in str(caught.value)


def test_parameters_do_not_change_at_run_time(ros: Any, nodes: Any) -> None:
    from rclpy.parameter import Parameter

    node = ros.add(nodes.Sample, parameter_overrides={"name": "a"})
    assert not node.set_parameters([Parameter("rate", value=1.0)])[0].successful


def test_a_check_of_the_dataclass_itself_names_the_node() -> None:
    @dataclass(frozen=True)
    class Checked:
        low: int = 0
        high: int = 1

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ConfigError("low: is above high")

    with pytest.raises(ConfigError, match=r"^/n: low: is above high$"):
        parameters.check(Checked, {"low": 3}, "/n")


def test_a_field_that_no_ros_parameter_can_hold_is_a_mistake_of_ours() -> None:
    @dataclass(frozen=True)
    class Odd:
        table: dict[str, int] | None = None

    with pytest.raises(TypeError, match=r"Odd\.table"):
        parameters.check(Odd, {"table": {}}, "/n")
