"""The manifests are what Kubernetes takes, and the same fleet as the compose file's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.chaos.bell_worker import ROOT
from tests.e2e import compose
from tests.e2e.compose import option, seconds
from worker import settings
from worker.bells import QUEUES
from worker.web import metrics

FOLDER = ROOT / "docs" / "kubernetes"
PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
SERVICES = ("migrate", "worker-intake", "worker-submit", "worker-collect", "beat", "web", "flower")
ELSEWHERE = {"ROLLCALL_SANDBOX_URL"}  # no sandbox runs there
USER, METRICS = 10001, "ROLLCALL_METRICS_PORT"
PATIENCE = 600  # seconds that the broker may be away before a worker is started again; then it has run without back-off


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(FOLDER.glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] in kinds}


WORKLOADS = of_kind("Deployment", "Job")


def pod(service: str) -> dict[str, Any]:
    found: dict[str, Any] = WORKLOADS[service]["spec"]["template"]["spec"]
    return found


def container(service: str) -> dict[str, Any]:
    (found,) = pod(service)["containers"]
    return dict(found)


def size(text: str) -> str:
    """As Kubernetes writes it: where Compose says m and g it means powers of two."""
    return text.upper() + "i"


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_manifest_is_what_the_api_takes(version: str) -> None:
    for one in manifests():
        kubernetes_validate.validate(one, version, strict=True)
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == "rollcall", one["metadata"]


def test_all_services_of_ours_are_there() -> None:
    ours = {name for name, one in compose.services().items() if one.get("image", "").startswith("rollcall:")}
    assert set(SERVICES) == set(WORKLOADS) == ours - {"sandbox"}
    for name in SERVICES:
        template, selector = WORKLOADS[name]["spec"]["template"], WORKLOADS[name]["spec"].get("selector")
        labels = {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "rollcall"}
        assert template["metadata"]["labels"] == labels
        assert selector is None or selector["matchLabels"] == labels


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_runs_what_the_compose_file_runs(service: str) -> None:
    told, here = compose.services()[service], container(service)
    assert here["command"] == told["command"]
    assert here["image"] == told["image"]
    shared = of_kind("ConfigMap")["environment"]["data"]
    assert here["envFrom"] == [{"configMapRef": {"name": "environment"}}]
    own = {one["name"]: one["value"] for one in here.get("env", [])}
    assert {**shared, **own} == {name: value for name, value in told["environment"].items() if name not in ELSEWHERE}
    assert here["resources"]["limits"] == {"memory": size(told["mem_limit"])}
    assert here["resources"]["requests"]["memory"] == size(told["mem_limit"])
    assert pod(service)["terminationGracePeriodSeconds"] == seconds(told.get("stop_grace_period", "10s"))


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "migrate"])
def test_a_pod_is_looked_at_as_the_compose_file_does_and_is_not_given_up_soon(service: str) -> None:
    told, here = compose.services()[service]["healthcheck"], container(service)
    ready, alive = here["readinessProbe"], here["livenessProbe"]
    if "httpGet" in ready:
        (port,) = here["ports"]
        assert ready["httpGet"]["port"] == port["name"]
        assert f"'http://127.0.0.1:{port['containerPort']}{ready['httpGet']['path']}'" in told["test"][-1]
    else:
        assert ["CMD", *ready["exec"]["command"]] == told["test"]
    assert (ready["periodSeconds"], ready["timeoutSeconds"]) == (seconds(told["interval"]), seconds(told["timeout"]))
    assert ready["failureThreshold"] == told["retries"]
    assert {**alive, "failureThreshold": 0} == {
        **ready,
        "failureThreshold": 0,
        **({"initialDelaySeconds": seconds(told["start_period"])} if "start_period" in told else {}),
    }
    assert alive["failureThreshold"] * alive["periodSeconds"] >= PATIENCE


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_can_do_no_more_than_it_must(service: str) -> None:
    assert pod(service)["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert f"USER {USER}:{USER}" in (ROOT / "Dockerfile").read_text()
    assert container(service)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(service)["automountServiceAccountToken"] is False
    assert pod(service)["enableServiceLinks"] is False  # they would set what Flower and we read
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod(service))


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_writes_and_reads_where_its_service_does(service: str) -> None:
    told = compose.services()[service]
    writes = {words.partition(":")[0] for words in told["tmpfs"]} | {words.split(":")[-1] for words in told["volumes"]}
    reads = {"/run/secrets", str(Path(told["configs"][0]["target"]).parent)}
    mounts = container(service)["volumeMounts"]
    assert {one["mountPath"] for one in mounts if not one.get("readOnly")} == writes
    assert {one["mountPath"] for one in mounts if one.get("readOnly")} == reads
    volumes = {one["name"]: one for one in pod(service)["volumes"]}
    assert {one["name"] for one in mounts} == set(volumes)
    (limit,) = re.findall(r"size=(\w+)", told["tmpfs"][0])
    assert volumes["tmp"]["emptyDir"] == {"medium": "Memory", "sizeLimit": size(limit)}
    assert volumes["staging"]["persistentVolumeClaim"]["claimName"] in of_kind("PersistentVolumeClaim")
    assert volumes["config"]["configMap"]["name"] in of_kind("ConfigMap")


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_are_files_that_the_page_makes(service: str) -> None:
    made = {}
    for name, rest in re.findall(r"create secret generic (\w+)((?:[^\n]*\\\n)*[^\n]*)", PAGE):
        made[name] = set(re.findall(r"--from-file=secrets/(\S+)", rest))
    (volume,) = [one for one in pod(service)["volumes"] if one["name"] == "secrets"]
    sources = [one["secret"] for one in volume.get("projected", {}).get("sources", [])] or [volume["secret"]]
    files = set().union(*(made[one.get("name") or one["secretName"]] for one in sources))
    assert files == {*compose.services()[service]["secrets"], "madrid.json"}
    assert (volume.get("projected") or volume["secret"])["defaultMode"] == 0o440  # for the pod's group, which is ours
    assert not of_kind("Secret")


def test_the_settings_are_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = of_kind("ConfigMap")
    file = tmp_path / "rollcall.toml"
    file.write_text(maps["rollcall"]["data"]["rollcall.toml"])
    for name, value in maps["environment"]["data"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ROLLCALL_CONFIG", str(file))
    chosen = settings.load()
    assert set(chosen.accounts) == {"madrid", "sandbox"}
    assert str(chosen.accounts["madrid"].credentials_file) == "/run/secrets/madrid.json"
    (rule,) = of_kind("Ingress")["web"]["spec"]["rules"]
    assert chosen.public_url == f"https://{rule['host']}"


def test_one_beat_at_a_time_and_any_number_of_workers() -> None:
    assert WORKLOADS["beat"]["spec"]["replicas"] == WORKLOADS["flower"]["spec"]["replicas"] == 1
    assert WORKLOADS["beat"]["spec"]["strategy"] == {"type": "Recreate"}
    assert of_kind("PersistentVolumeClaim")["staging"]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_nobody_reaches_anything_but_the_door_and_prometheus_what_is_measured() -> None:
    policies = {name: one["spec"] for name, one in of_kind("NetworkPolicy").items()}
    closed = policies.pop("closed")
    assert closed["podSelector"] == {"matchLabels": {"app.kubernetes.io/part-of": "rollcall"}}
    assert (closed["policyTypes"], closed.get("ingress")) == (["Ingress"], None)
    opened = {}
    for name, one in policies.items():
        (rule,) = one["ingress"]
        assert all("namespaceSelector" in source for source in rule["from"])
        (port,) = rule["ports"]
        opened[name] = port["port"]
    workers = [name for name in SERVICES if name.startswith("worker-")]
    measured = {container(name)["ports"][0]["containerPort"] for name in workers}
    assert {opened.pop("measures")} == measured == {int(of_kind("ConfigMap")["environment"]["data"][METRICS])}
    assert opened == {"web": container("web")["ports"][0]["containerPort"]}
    (selected,) = policies["measures"]["podSelector"]["matchExpressions"]
    assert selected["values"] == workers
    assert set(of_kind("Service")) == set(of_kind("Ingress")) == {"web"}
    (rule,) = of_kind("Ingress")["web"]["spec"]["rules"]
    assert [one["path"] for one in rule["http"]["paths"]] == ["/callbacks/"]


def test_what_keeps_and_scales_pods_names_what_is_there() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert set(budgets) == {"web", *(name for name in SERVICES if name.startswith("worker-"))}
    for name, one in budgets.items():
        assert one["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": name}
    for name, one in of_kind("HorizontalPodAutoscaler").items():
        assert one["spec"]["scaleTargetRef"]["name"] == name
        asked = [each["external"]["metric"] for each in one["spec"]["metrics"] if "external" in each]
        for metric in asked:
            queue = metric["selector"]["matchLabels"]["queue"]
            assert queue in QUEUES.values()
            assert queue in option(container(name)["command"], "-Q").split(",")
            assert f"\n{metric['name']} " in (metrics.__doc__ or "")
        assert asked


def test_the_page_names_every_file() -> None:
    assert set(re.findall(r"\(kubernetes/(\S+)\)", PAGE)) == {path.name for path in FOLDER.iterdir()}
    (rest,) = re.findall(r"for file in ([\w ]+);", PAGE)
    (*before, _) = re.findall(r"apply -f docs/kubernetes/(\S+)\.yaml", PAGE)
    assert sorted([*before, *rest.split(), "scale"]) == sorted(path.stem for path in FOLDER.iterdir())
