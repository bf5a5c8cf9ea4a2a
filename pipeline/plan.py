"""The plan: what a night measures, read strictly from TOML into frozen types.

Belongs here: types of the stanzas, parsing with errors that name file, stanza and cure, and the
expansion into runs. Does not: anything that needs a network, a clock or a file other than the plan.
"""

import hashlib
import itertools
import math
import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit

import msgspec

from pipeline.errors import TokenclockError

ALLOW_UNPRICED = "TOKENCLOCK_ALLOW_UNPRICED"

DEFAULT = Path(__file__).with_name("plan.toml")

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Count = Annotated[int, msgspec.Meta(ge=1)]
Usd = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]
Milliseconds = Annotated[float, msgspec.Meta(gt=0)]


class PlanError(TokenclockError):
    """The plan cannot be used; the message names file, stanza and cure."""


class _Stanza(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Night(_Stanza, frozen=True, kw_only=True):
    """When and how often: cron in UTC, rounds, the seed of order and prompts, the budget in USD.

    `max_usd` is never passed: before each request the most that it can cost is set aside. `retries`: how often a
    request that was refused with 429 or 503 is sent anew, after the wait that the server asks for; no wait is
    longer than `retry_wait_max_s`. `hardware_hz`: samples a second of power, clocks and temperature while an engine
    of ours is measured (0: none). `calibration_tokens`: the most that a stream has which the recorder is
    calibrated on (none: it is not); `calibration_tok_s`: its rate where no run has shown one (`collect.flow`).
    `response_max_mib`: a body longer than this is cut off there; it goes to disk while it comes.
    """

    cron: str
    rounds: Count
    round_pause_s: Annotated[float, msgspec.Meta(ge=0)]
    seed: int
    max_usd: Usd
    retries: Annotated[int, msgspec.Meta(ge=0)]
    retry_wait_max_s: Seconds
    hardware_hz: Annotated[float, msgspec.Meta(ge=0)]
    calibration_tok_s: Annotated[float, msgspec.Meta(gt=0)]
    calibration_tokens: Annotated[int, msgspec.Meta(ge=0)]
    response_max_mib: Annotated[int, msgspec.Meta(ge=1, le=4095)] = 1024  # places in a body are 32 bits wide


class Retention(_Stanza, frozen=True, kw_only=True):
    """How long raw reads are kept, in nights; without a number, and without the stanza, for ever.

    `tokenclock gc` lets older ones expire. Requests, manifests and tables are never deleted.
    """

    raw_reads_nights: Count | None = None


class Family(_Stanza, frozen=True, kw_only=True):
    """Models that one chart compares."""

    title: str


class Model(_Stanza, frozen=True, kw_only=True):
    """A model independent of who serves it; `tokenizer` as `decode.tokens.load` understands it."""

    title: str
    family: Name
    tokenizer: str | None = None


class Workload(_Stanza, frozen=True, kw_only=True):
    """Prompts and lengths. `output_tokens` is sent as `max_tokens`.

    `prompts` and `seed` are those of a probe; they are not written in a workload.
    """

    title: str
    input_words: Count
    output_tokens: Count
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)]
    unique_prompts: bool
    prompts: tuple[str, ...] = ()
    seed: int | None = None


class Probe(_Stanza, frozen=True, kw_only=True):
    """Fixed prompts that every target answers once a night, greedily, to tell who is the model that it claims.

    Its requests count as warm-up, so that no metric holds them. `seed` is sent where the dialect has a word for it.
    """

    title: str
    prompts: Annotated[list[str], msgspec.Meta(min_length=1)]
    output_tokens: Count
    seed: int
    timeout_s: Seconds

    def workload(self) -> Workload:
        """The probe as a workload: its own prompts, temperature 0."""
        return Workload(
            title=self.title,
            input_words=max(len(prompt.split()) for prompt in self.prompts),
            output_tokens=self.output_tokens,
            temperature=0.0,
            unique_prompts=False,
            prompts=tuple(self.prompts),
            seed=self.seed,
        )

    def scenario(self) -> "Closed":
        """The probe as a scenario: one prompt after the other, all of them warm-up."""
        return Closed(
            title=self.title, requests=0, warmup_requests=len(self.prompts), timeout_s=self.timeout_s, concurrency=1
        )


class Slo(_Stanza, frozen=True, kw_only=True):
    """Limits that a request must keep to count as good; what is not named has none."""

    title: str
    ttft_ms: Milliseconds | None = None
    tpot_ms: Milliseconds | None = None
    e2e_ms: Milliseconds | None = None
    source: str | None = None


class Until(_Stanza, frozen=True, kw_only=True):
    """Rounds go on until both ends of the median's 95 % interval lie `within` that share of it, or the budget ends.

    `metric` is what the recorder knows without reading a response: first byte or end of the body - sent. There are
    at most so many rounds, whatever `[night] rounds` says of other scenarios.
    """

    metric: Literal["first_byte_ms", "end_ms"]
    within: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    at_most_rounds: Annotated[int, msgspec.Meta(ge=2)]


class _Load(_Stanza, frozen=True, kw_only=True, tag_field="kind"):
    title: str
    requests: Count
    warmup_requests: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Seconds
    slo: Name | None = None
    sweep: str | None = None
    until: Until | None = None


class Closed(_Load, frozen=True, kw_only=True, tag="closed"):
    """`concurrency` streams, each starts its next request when its last one ends.

    `sweep` names the scenario that this is a level of; it is not written in a plan.
    """

    concurrency: Count

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return self.concurrency


class Open(_Load, frozen=True, kw_only=True, tag="open"):
    """Requests start at a rate of their own, whatever became of those before.

    The first `warmup_requests` arrivals are the ramp-up. At most `max_in_flight` are under way at once; one
    that is due then waits, and is late rather than dropped: its schedule lag says by how much.
    """

    rate_req_s: Annotated[float, msgspec.Meta(gt=0)]
    arrivals: Literal["poisson", "constant"]
    max_in_flight: Count

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return self.max_in_flight


class Offline(_Load, frozen=True, kw_only=True, tag="offline"):
    """All requests at once: how much a system delivers that is never short of work."""

    @property
    def concurrency(self) -> int:
        """A stream for every request."""
        return self.requests

    @property
    def most_in_flight(self) -> int:
        """Requests in flight at once, at most."""
        return max(self.requests, self.warmup_requests)


class Saturation(_Stanza, frozen=True, kw_only=True):
    """When a sweep ends before its last level. Collecting decides, and it parses nothing: see `collect.sweeping`.

    `gain_under`: answers a second rose by less than this share over the level before. `slo_kept_under`: less than
    this share of the answers came within the longest time that the SLO allows.
    """

    gain_under: Share
    slo_kept_under: Share


class Sweep(_Stanza, frozen=True, kw_only=True, tag="sweep", tag_field="kind"):
    """A closed loop at one concurrency after the other.

    Each level becomes a scenario `<name>-<concurrency>`. A level sends `requests_per_stream` requests on each
    stream, and `requests_at_least` in all, after `warmup_per_stream`.
    """

    title: str
    concurrencies: Annotated[list[Count], msgspec.Meta(min_length=1)]
    requests_per_stream: Count
    requests_at_least: Count
    warmup_per_stream: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Seconds
    slo: Name | None = None
    until: Saturation | None = None

    @property
    def loads(self) -> Sequence[float]:
        """What its levels differ in."""
        return self.concurrencies

    def levels(self, name: str) -> dict[str, Closed]:
        """The scenarios that the sweep stands for, by name."""
        return {
            f"{name}-{concurrency}": Closed(
                title=f"{self.title}, {concurrency} at once",
                concurrency=concurrency,
                requests=max(self.requests_at_least, self.requests_per_stream * concurrency),
                warmup_requests=self.warmup_per_stream * concurrency,
                timeout_s=self.timeout_s,
                slo=self.slo,
                sweep=name,
            )
            for concurrency in self.concurrencies
        }


class Rates(_Stanza, frozen=True, kw_only=True, tag="rates", tag_field="kind"):
    """An open loop at one rate after the other: to the knee, where answers no longer keep pace with arrivals.

    Each level becomes a scenario `<name>-<rate>` (0.5 is 0-5). Its arrivals go on for `seconds`, and until there
    are `requests_at_least`, after `warmup_requests`.
    """

    title: str
    rates_req_s: Annotated[list[Annotated[float, msgspec.Meta(gt=0)]], msgspec.Meta(min_length=1)]
    arrivals: Literal["poisson", "constant"]
    max_in_flight: Count
    seconds: Seconds
    requests_at_least: Count
    warmup_requests: Annotated[int, msgspec.Meta(ge=0)]
    timeout_s: Seconds
    slo: Name | None = None
    until: Saturation | None = None

    @property
    def loads(self) -> Sequence[float]:
        """What its levels differ in."""
        return self.rates_req_s

    def levels(self, name: str) -> dict[str, Open]:
        """The scenarios that it stands for, by name."""
        return {
            f"{name}-{rate:g}".replace(".", "-"): Open(
                title=f"{self.title}, {rate:g} requests a second",
                rate_req_s=rate,
                arrivals=self.arrivals,
                max_in_flight=self.max_in_flight,
                requests=max(self.requests_at_least, math.ceil(self.seconds * rate)),
                warmup_requests=self.warmup_requests,
                timeout_s=self.timeout_s,
                slo=self.slo,
                sweep=name,
            )
            for rate in self.rates_req_s
        }


Scenario = Closed | Open | Offline


class Limits(_Stanza, frozen=True, kw_only=True):
    """What an endpoint allows an account. They are kept to, within a night and from one process to the next.

    Windows slide: never more than this in any minute or day, wherever it begins.
    """

    requests_per_minute: Count | None = None
    requests_per_day: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    concurrency: Count | None = None


class Provider(_Stanza, frozen=True, kw_only=True):
    """Who runs the endpoint, and where its key is found.

    `may_publish`: whether figures of it may stand on the site, once somebody has read its terms; those of others
    stay in the warehouse. `limits` hold for each of its model ids.
    """

    title: str
    may_publish: bool
    terms_url: str | None = None
    terms_checked_at: date | None = None
    base_url: str | None = None
    key_env: str | None = None
    hardware: str | None = None
    region: str | None = None
    limits: Limits | None = None


class Price(_Stanza, frozen=True, kw_only=True):
    """USD for a million tokens, from a day on, until a day or another price takes over."""

    valid_from: date
    valid_to: date | None = None
    usd_per_million_input: Usd
    usd_per_million_output: Usd
    source: str


class Rent(_Stanza, frozen=True, kw_only=True):
    """USD an hour for each GPU that serves a target, from a day on, until a day or another rent takes over."""

    valid_from: date
    valid_to: date | None = None
    usd_per_gpu_hour: Usd
    gpus: Annotated[int, msgspec.Meta(ge=1)] = 1
    source: str


Dated = TypeVar("Dated", Price, Rent)


class Subprocess(_Stanza, frozen=True, kw_only=True, tag="subprocess", tag_field="kind"):
    """A process of its own on this machine; `python`: the one that has what it needs, if not this one."""

    title: str
    python: str | None = None


class Ssh(_Stanza, frozen=True, kw_only=True, tag="ssh", tag_field="kind"):
    """Another machine, reached as `ssh <options> <address>`.

    `python` there has the packages of requirements-collect.lock. What is recorded lies in `folder` until it has
    come home.
    """

    title: str
    address: Annotated[str, msgspec.Meta(pattern=r"^[^-\s]\S*$")]
    python: str = "python3"
    folder: str = "~/.tokenclock"
    options: list[str] = []


Host = Subprocess | Ssh


class Target(_Stanza, frozen=True, kw_only=True):
    """One endpoint under test: a provider's model id, or a local engine that the run starts.

    `echoed_as`: names under which responses may speak of the model besides its id. Any other name, spelling and
    dates apart, is another model: the night is held back.

    `host`: where an engine is started, measured and stopped; without, in this very process.
    """

    title: str
    provider: Name
    model: Name
    model_id: str
    dialect: str
    workloads: list[Name]
    scenarios: list[Name]
    engine: dict[str, Any] | None = None
    host: Name | None = None
    base_url: str | None = None
    hardware: str | None = None
    precision: str | None = None
    extra_body: dict[str, Any] | None = None
    provenance: Literal["measured", "simulated"] = "measured"
    valid_from: date | None = None
    valid_to: date | None = None
    valid_source: str | None = None
    echoed_as: list[str] = []
    prices: list[Price] = []
    rents: list[Rent] = []
    max_usd: Usd | None = None
    limits: Limits | None = None


FREE = Price(valid_from=date.min, usd_per_million_input=0, usd_per_million_output=0, source="our own engine")

_SECTIONS: dict[str, Any] = {
    "families": Family,
    "models": Model,
    "workloads": Workload,
    "probes": Probe,
    "slos": Slo,
    "scenarios": Closed | Open | Offline | Sweep | Rates,
    "providers": Provider,
    "hosts": Subprocess | Ssh,
    "targets": Target,
}
_OPTIONAL = ("hosts", "probes", "slos")


@dataclass(frozen=True)
class Plan:
    """A checked plan. `sha256` is of the text(s) it was read from and identifies it in every manifest."""

    night: Night
    retention: Retention
    families: Mapping[str, Family]
    models: Mapping[str, Model]
    workloads: Mapping[str, Workload]
    probes: Mapping[str, Probe]
    slos: Mapping[str, Slo]
    scenarios: Mapping[str, Scenario]
    sweeps: Mapping[str, Sweep | Rates]
    providers: Mapping[str, Provider]
    hosts: Mapping[str, Host]
    targets: Mapping[str, Target]
    sha256: str
    source: str


def load(path: Path | str | None = None) -> Plan:
    """Read the plan at `path`, else where `TOKENCLOCK_PLAN` points, else the one in the package."""
    chosen = Path(path or os.environ.get("TOKENCLOCK_PLAN") or DEFAULT)
    own = _read(chosen)
    extends = own.pop("extends", None)
    if extends not in (None, "default"):
        raise PlanError(f'{chosen}: extends = {extends!r} is unknown; write extends = "default" or remove it')
    sections = _merge(_read(DEFAULT), own) if extends else own
    text = (DEFAULT.read_bytes() if extends else b"") + chosen.read_bytes()
    return _check(_parse(sections, chosen, hashlib.sha256(text).hexdigest()))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path}: no such plan; give --plan or TOKENCLOCK_PLAN an existing file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not TOML: {error}") from error


def _merge(default: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Lay the user's stanzas over the default ones: `[night]` key by key, all others whole."""
    merged = dict(default)
    for section, stanzas in own.items():
        known = isinstance(stanzas, dict) and isinstance(default.get(section), dict)
        merged[section] = {**default[section], **stanzas} if known else stanzas
    return merged


def _parse(sections: dict[str, Any], path: Path, sha256: str) -> Plan:
    for section in sections:
        if section not in ("night", "retention", *_SECTIONS):
            raise PlanError(f"{path}: [{section}] is unknown{_hint(section, ['night', 'retention', *_SECTIONS])}")
    sections = {**{section: {} for section in _OPTIONAL}, **sections}
    for section in ("night", *_SECTIONS):
        if not isinstance(sections.get(section), dict):
            raise PlanError(f'{path}: [{section}] is missing; add it, or start the file with extends = "default"')
    parsed: dict[str, Any] = {"night": _stanza(sections["night"], Night, path, "night")}
    parsed["retention"] = _stanza(sections.get("retention", {}), Retention, path, "retention")
    for section, kind in _SECTIONS.items():
        parsed[section] = {
            name: _stanza(raw, kind, path, f"{section}.{name}") for name, raw in sections[section].items()
        }
    return Plan(**_probed(_swept(parsed, path), path), sha256=sha256, source=str(path))


def _probed(parsed: dict[str, Any], path: Path) -> dict[str, Any]:
    """Give each probe the workload and the scenario of its name that its requests are made by."""
    made: dict[str, Any] = {**parsed}
    for section in ("workloads", "scenarios"):
        if taken := sorted(set(parsed[section]) & set(parsed["probes"])):
            raise PlanError(f"{path}: [probes.{taken[0]}] bears the name of one of {section}; rename it")
        kind = section.removesuffix("s")
        made[section] = parsed[section] | {name: getattr(one, kind)() for name, one in parsed["probes"].items()}
    return made


def _swept(parsed: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put the levels of a sweep where the sweep is named."""
    sweeps = {name: one for name, one in parsed["scenarios"].items() if isinstance(one, Sweep | Rates)}
    _refuse_unordered(sweeps, path)
    named: dict[str, dict[str, Scenario]] = {
        name: {**sweeps[name].levels(name)} if name in sweeps else {name: one}
        for name, one in parsed["scenarios"].items()
    }
    targets = {
        name: msgspec.structs.replace(
            one, scenarios=[level for scenario in one.scenarios for level in named.get(scenario, [scenario])]
        )
        for name, one in parsed["targets"].items()
    }
    scenarios = {level: one for levels in named.values() for level, one in levels.items()}
    if len(scenarios) < sum(map(len, named.values())):
        raise PlanError(
            f"{path}: a scenario bears the name of a sweep's level (`<sweep>-<concurrency>`); rename one of "
            + ", ".join(named)
        )
    return {**parsed, "scenarios": scenarios, "sweeps": sweeps, "targets": targets}


def _refuse_unordered(sweeps: Mapping[str, Sweep | Rates], path: Path) -> None:
    """A sweep that ends by itself goes upwards."""
    for name, one in sweeps.items():
        if one.until and list(one.loads) != sorted(set(one.loads)):
            raise PlanError(
                f"{path}: [scenarios.{name}]: with `until` each level must be above the one before it; "
                f"write {sorted(set(one.loads))}"
            )


def _stanza(raw: object, kind: Any, path: Path, name: str) -> Any:
    try:
        msgspec.convert(name.split(".", 1)[-1], Name)
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        known = _fields(kind, raw)
        unknown = sorted(set(raw) - known) if isinstance(raw, dict) and known else []
        hint = _hint(unknown[0], sorted(known)) if unknown else ""
        raise PlanError(f"{path}: [{name}]: {error}{hint}") from None


def _fields(kind: Any, raw: object) -> set[str]:
    """The keys of a stanza; of a scenario, those of its kind."""
    said = raw.get("kind") if isinstance(raw, dict) else None
    kinds = [one for one in get_args(kind) or (kind,) if one.__struct_config__.tag in (None, said)]
    return {*kinds[0].__struct_fields__, *filter(None, [kinds[0].__struct_config__.tag_field])} if kinds else set()


def _hint(word: str, known: Any) -> str:
    close = get_close_matches(word, known, n=1)
    return f"; did you mean `{close[0]}`?" if close else f"; known: {', '.join(known)}"


def _check(plan: Plan) -> Plan:
    """Follow every name from one stanza to another."""
    for name, model in plan.models.items():
        _known(plan, f"models.{name}", "family", model.family, plan.families)
    for name, provider in plan.providers.items():
        _check_url(plan, f"providers.{name}", provider.base_url)
    for name, load in plan.scenarios.items():
        if load.slo:
            _known(plan, f"scenarios.{name}", "slo", load.slo, plan.slos)
    for name, target in plan.targets.items():
        at = f"targets.{name}"
        _check_url(plan, at, target.base_url)
        _known(plan, at, "provider", target.provider, plan.providers)
        _known(plan, at, "model", target.model, plan.models)
        _check_measured(plan, at, target)
        if target.engine is None and base_url(plan, target) is None:
            raise PlanError(
                f"{plan.source}: [{at}]: nowhere to send requests; add `engine`, or `base_url` here "
                f"or in [providers.{target.provider}]"
            )
        _check_load(plan, at, target)
        _check_engine(plan, at, target)
    return plan


def _check_measured(plan: Plan, at: str, target: Target) -> None:
    """Follow the names of what a target is measured with. Fixed prompts come from caches: not with those."""
    workloads = {name: one for name, one in plan.workloads.items() if name not in plan.probes}
    scenarios = {name: one for name, one in plan.scenarios.items() if name not in plan.probes}
    for workload in target.workloads:
        _known(plan, at, "workloads", workload, workloads)
        if workloads[workload].prompts:
            raise PlanError(
                f"{plan.source}: [workloads.{workload}]: fixed prompts would be answered from caches; "
                f"make it [probes.{workload}], which no metric holds"
            )
    for scenario in target.scenarios:
        _known(plan, at, "scenarios", scenario, scenarios)


def _check_engine(plan: Plan, at: str, target: Target) -> None:
    """An engine has a name, and what has a host is an engine."""
    if target.engine is not None and not isinstance(target.engine.get("name"), str):
        raise PlanError(f'{plan.source}: [{at}]: engine has no name; write engine = {{ name = "…" }}')
    if target.host is not None:
        _known(plan, at, "host", target.host, plan.hosts)
        if target.engine is None:
            raise PlanError(f"{plan.source}: [{at}]: host is for engines; a provider is asked from here: remove it")


def _check_load(plan: Plan, at: str, target: Target) -> None:
    """A load that the endpoint does not allow would measure its limits: refuse it."""
    allowed = limits(plan, target).concurrency
    for name in target.scenarios:
        asked = plan.scenarios[name].most_in_flight
        if allowed is not None and asked > allowed:
            raise PlanError(
                f"{plan.source}: [{at}]: scenario `{name}` has up to {asked} requests in flight and the limit is "
                f"concurrency = {allowed}; choose another scenario, or raise the limit"
            )


def _check_url(plan: Plan, at: str, url: str | None) -> None:
    """An address is written to traces: it must not hold a password or a key."""
    parts = urlsplit(url or "")
    if parts.password or parts.username or parts.query:
        raise PlanError(
            f"{plan.source}: [{at}]: base_url carries a name, a password or a query, and addresses are written to "
            "traces; leave them out and name the key's variable in key_env"
        )


def _known(plan: Plan, at: str, key: str, name: str, section: Mapping[str, object]) -> None:
    if name not in section:
        raise PlanError(
            f"{plan.source}: [{at}]: {key} names `{name}`, which is not in the plan{_hint(name, section)}"
        )


def at_home(plan: Plan) -> Plan:
    """The same plan as the machine sees it that its targets were sent to: they are here."""
    return replace(
        plan, targets={name: msgspec.structs.replace(one, host=None) for name, one in plan.targets.items()}
    )


def base_url(plan: Plan, target: Target) -> str | None:
    """Where a target answers: its own URL, else its provider's; None for an engine we start."""
    return target.base_url or plan.providers[target.provider].base_url


def limits(plan: Plan, target: Target) -> Limits:
    """What holds for a target: its own limits, else its provider's, else none."""
    return target.limits or plan.providers[target.provider].limits or Limits()


def price(target: Target, night: date) -> Price | None:
    """What holds on that night; of several the one that began last. An engine that we start costs nothing."""
    return FREE if target.engine is not None else _in_force(target.prices, night)


def rent(target: Target, night: date) -> Rent | None:
    """What the GPUs of a target cost an hour on that night, whoever pays it: no budget counts it."""
    return _in_force(target.rents, night)


def _in_force(dated: list[Dated], night: date) -> Dated | None:
    valid = [one for one in dated if one.valid_from <= night <= (one.valid_to or night)]
    return max(valid, key=lambda one: one.valid_from, default=None)


def hardware(plan: Plan, target: Target) -> str | None:
    """What a target is said to run on."""
    return target.hardware or plan.providers[target.provider].hardware


def skip_reason(plan: Plan, name: str, night: date, environment: Mapping[str, str]) -> str | None:
    """Why a target is not measured that night, or None when it is."""
    target = plan.targets[name]
    provider = plan.providers[target.provider]
    why = f" ({target.valid_source})" if target.valid_source else ""
    if target.valid_to and night > target.valid_to:
        return f"model id {target.model_id} ended on {target.valid_to}{why}"
    if target.valid_from and night < target.valid_from:
        return f"model id {target.model_id} starts on {target.valid_from}{why}"
    if target.engine is None and provider.key_env and not environment.get(provider.key_env):
        return f"no key: set {provider.key_env} in the environment or in .env"
    if target.engine is None and provider.key_env and not _fits_a_header(environment[provider.key_env]):
        return f"the key in {provider.key_env} holds a blank, a line end or a letter that no header carries"
    if price(target, night) is None and not environment.get(ALLOW_UNPRICED):
        return f"no price known for {night}: add one to `prices`, or run it all the same with --allow-unpriced"
    return None


def _fits_a_header(key: str) -> bool:
    return key.isascii() and key.isprintable() and " " not in key


def enabled(plan: Plan, night: date, environment: Mapping[str, str]) -> list[str]:
    """Names of the targets that the night measures, in the plan's order."""
    return [name for name in plan.targets if skip_reason(plan, name, night, environment) is None]


@dataclass(frozen=True)
class Run:
    """Target × workload × scenario × round, expanded: nothing in it is left to a default."""

    night: date
    target: str
    workload: str
    scenario: str
    round: int
    attempt: int = 1

    @property
    def id(self) -> str:
        """The run's name, unique over all nights; it is also its folder's name."""
        again = f".a{self.attempt}" if self.attempt > 1 else ""
        return f"{self.night}.{self.target}.{self.workload}.{self.scenario}.r{self.round:02d}{again}"


def runs(plan: Plan, night: date, targets: list[str], rounds: list[int], before: int = 0) -> list[Run]:
    """All runs of some targets in some rounds, in the plan's order; `before` them were others.

    Probes once a night, at the end of round 1.
    """
    return [
        Run(night, name, workload, scenario, number)
        for number in rounds
        for name in targets
        for workload, scenario in (
            *itertools.product(plan.targets[name].workloads, plan.targets[name].scenarios),
            *((probe, probe) for probe in plan.probes if number == 1),
        )
        if (workload in plan.probes) or number - before <= rounds_of(plan, scenario)
    ]


def rounds_of(plan: Plan, scenario: str) -> int:
    """How many rounds a scenario has in a night, at most."""
    until = plan.scenarios[scenario].until
    return until.at_most_rounds if until else plan.night.rounds


def most_rounds(plan: Plan, targets: Iterable[str]) -> int:
    """How many rounds a night of these targets has, at most."""
    named = {scenario for name in targets for scenario in plan.targets[name].scenarios}
    return max((rounds_of(plan, scenario) for scenario in named), default=plan.night.rounds)


@dataclass(frozen=True)
class Estimate:
    """What one target would be sent in a night. `usd` is 0 for local engines, None without a price."""

    target: str
    reason: str | None
    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None


TOKENS_PER_WORD = 2.5  # more than the 2.07 to 2.3 that our prompts have in Llama 3: bills shall surprise downwards


def estimate(plan: Plan, name: str, night: date, environment: Mapping[str, str]) -> Estimate:
    """Count a night's requests and the most tokens they can cost."""
    target = plan.targets[name]
    reason = skip_reason(plan, name, night, environment)
    requests = tokens_in = tokens_out = 0
    for run in runs(plan, night, [name], list(range(1, most_rounds(plan, [name]) + 1))):
        scenario, workload = plan.scenarios[run.scenario], plan.workloads[run.workload]
        n = scenario.requests + scenario.warmup_requests
        requests += n
        tokens_in += n * input_tokens(workload)
        tokens_out += n * workload.output_tokens
    known = price(target, night)
    return Estimate(
        name, reason, requests, tokens_in, tokens_out, usd(known, tokens_in, tokens_out) if known else None
    )


def input_tokens(workload: Workload) -> int:
    """Tokens that a prompt of this workload has at most."""
    return math.ceil(workload.input_words * TOKENS_PER_WORD)


def usd(at: Price, tokens_in: int, tokens_out: int) -> float:
    """What so many tokens cost."""
    return (tokens_in * at.usd_per_million_input + tokens_out * at.usd_per_million_output) / 1e6
