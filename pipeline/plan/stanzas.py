"""The stanzas of a plan but its loads, and the plan that they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from pipeline.plan.loads import Closed, Rates, Scenario, Sweep
from pipeline.plan.words import Count, Milliseconds, Name, Seconds, Stanza, Usd


class Night(Stanza, frozen=True, kw_only=True):
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


class Retention(Stanza, frozen=True, kw_only=True):
    """How long raw reads are kept, in nights; without a number, and without the stanza, for ever.

    `tokenclock gc` lets older ones expire. Requests, manifests and tables are never deleted.
    """

    raw_reads_nights: Count | None = None


class Family(Stanza, frozen=True, kw_only=True):
    """Models that one chart compares."""

    title: str


class Model(Stanza, frozen=True, kw_only=True):
    """A model independent of who serves it; `tokenizer` as `decode.tokens.load` understands it."""

    title: str
    family: Name
    tokenizer: str | None = None


class Workload(Stanza, frozen=True, kw_only=True):
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


class Probe(Stanza, frozen=True, kw_only=True):
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


class Slo(Stanza, frozen=True, kw_only=True):
    """Limits that a request must keep to count as good; what is not named has none."""

    title: str
    ttft_ms: Milliseconds | None = None
    tpot_ms: Milliseconds | None = None
    e2e_ms: Milliseconds | None = None
    source: str | None = None


class Limits(Stanza, frozen=True, kw_only=True):
    """What an endpoint allows an account. They are kept to, within a night and from one process to the next.

    Windows slide: never more than this in any minute or day, wherever it begins.
    """

    requests_per_minute: Count | None = None
    requests_per_day: Count | None = None
    tokens_per_minute: Count | None = None
    tokens_per_day: Count | None = None
    concurrency: Count | None = None


class Provider(Stanza, frozen=True, kw_only=True):
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


class Price(Stanza, frozen=True, kw_only=True):
    """USD for a million tokens, from a day on, until a day or another price takes over."""

    valid_from: date
    valid_to: date | None = None
    usd_per_million_input: Usd
    usd_per_million_output: Usd
    source: str


class Rent(Stanza, frozen=True, kw_only=True):
    """USD an hour for each GPU that serves a target, from a day on, until a day or another rent takes over."""

    valid_from: date
    valid_to: date | None = None
    usd_per_gpu_hour: Usd
    gpus: Annotated[int, msgspec.Meta(ge=1)] = 1
    source: str


class Subprocess(Stanza, frozen=True, kw_only=True, tag="subprocess", tag_field="kind"):
    """A process of its own on this machine; `python`: the one that has what it needs, if not this one."""

    title: str
    python: str | None = None


class Ssh(Stanza, frozen=True, kw_only=True, tag="ssh", tag_field="kind"):
    """Another machine, reached as `ssh <options> <address>`.

    `python` there has the packages of requirements-collect.lock. What is recorded lies in `folder` until it has
    come home.
    """

    title: str
    address: Annotated[str, msgspec.Meta(pattern=r"^[^-\s]\S*$")]
    python: str = "python3"
    folder: str = "~/.tokenclock"
    options: list[str] = msgspec.field(default_factory=list)


Host = Subprocess | Ssh


class Target(Stanza, frozen=True, kw_only=True):
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
    echoed_as: list[str] = msgspec.field(default_factory=list)
    prices: list[Price] = msgspec.field(default_factory=list)
    rents: list[Rent] = msgspec.field(default_factory=list)
    max_usd: Usd | None = None
    limits: Limits | None = None


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
