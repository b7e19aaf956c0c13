"""What Prometheus and systemd themselves say of their files in deploy/."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.deployment import DEPLOY
from tests.support.proxies import program

pytestmark = pytest.mark.slow

PROMETHEUS = DEPLOY / "prometheus"
ALERT_CASES = Path(__file__).with_name("deploy_alerts.yml")
MOST_EXPOSED = 20  # of 100; an unhardened service has 96


def call(*command: object) -> "subprocess.CompletedProcess[str]":
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=DEPLOY)


def test_prometheus_reads_its_configuration() -> None:
    done = call(program("promtool"), "check", "config", PROMETHEUS / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_are_raised_when_they_should_be() -> None:
    done = call(program("promtool"), "test", "rules", ALERT_CASES)
    assert done.returncode == 0, done.stdout + done.stderr
    rules = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
    cases = yaml.safe_load(ALERT_CASES.read_text(encoding="utf-8"))["tests"]
    raised = {each["alertname"] for case in cases for each in case["alert_rule_test"] if each.get("exp_alerts")}
    assert raised == {rule["alert"] for rule in rules}


def test_systemd_takes_the_unit_for_a_hardened_one(tmp_path: Path) -> None:
    unit = tmp_path / "atrium.service"
    text = (DEPLOY / "systemd/atrium.service").read_text(encoding="utf-8")
    assert "ExecStart=/opt/atrium/bin/atrium serve\n" in text
    unit.write_text(text.replace("/opt/atrium/bin/atrium", "/bin/true"))  # a program that is there
    analyze = program("systemd-analyze")
    done = call(analyze, "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    done = call(analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", unit)
    assert done.returncode == 0, done.stdout
