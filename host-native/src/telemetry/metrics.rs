//! The metrics, for Prometheus (B-8.2, OUTBOX G16). Counters move when something happens; gauges are set
//! from the machine's status when somebody looks.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use relay_mcp_core::{Method, RelayState, Status};
use tokio::runtime::Handle as Runtime;

use super::labels::{CallOutcome, Calls, Refusals, RequestOutcome, Requests};

/// The `Content-Type` of [`Metrics::scrape`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics of one proxy. Cheap to clone; counting is atomic and allocates nothing.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    events: Events,
    requests: Requests,
    refusals: Refusals,
    calls: Calls,
    store_sync: Histogram,
    token_file: Gauge,
    machine: Machine,
    gauges: Gauges,
}

impl Metrics {
    /// Metrics that all stand at zero. The version and the engine (`native` or `component`) are labels of
    /// `relay_mcp_proxy_build_info`.
    #[must_use]
    pub fn new(version: &str, engine: &'static str) -> Self {
        let mut registry = Registry::with_prefix("relay_mcp_proxy");
        let build = Info::new(vec![("version", version.to_owned()), ("engine", engine.to_owned())]);
        registry.register("build", "What runs here", build);
        let store_sync =
            Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0]);
        let help = "How long a batch of changes took to be durable";
        registry.register_with_unit("store_sync", help, Unit::Seconds, store_sync.clone());
        let token_file = Gauge::default();
        let help = "1 while the token file is one that can be used, or there is none";
        registry.register("token_file_usable", help, token_file.clone());
        token_file.set(1);
        Self(Arc::new(Inner {
            events: Events::register(&mut registry),
            requests: Requests::register(&mut registry),
            refusals: Refusals::register(&mut registry),
            calls: Calls::register(&mut registry),
            machine: Machine::register(&mut registry),
            gauges: Gauges::register(&mut registry),
            store_sync,
            token_file,
            registry,
        }))
    }

    /// A request of the agent that was let in has ended.
    pub fn request(&self, method: Method, outcome: RequestOutcome) {
        self.0.requests.count(method, outcome);
    }

    /// A request was refused at the door or by a limit, with this HTTP status (B-1.3, B-1.7).
    pub fn refused(&self, status: u16) {
        self.0.refusals.count(status);
    }

    /// A call to the relay has ended.
    pub fn relay_call(&self, outcome: CallOutcome) {
        self.0.calls.count(outcome);
    }

    /// A batch of changes is durable, this long after it was handed to the store (OUTBOX G16).
    pub fn store_synced(&self, took: Duration) {
        self.0.store_sync.observe(took.as_secs_f64());
    }

    /// The token file was looked at, and can be used or not (B-2.2).
    pub fn token_file(&self, is_usable: bool) {
        self.0.token_file.set(i64::from(is_usable));
    }

    /// The machine failed, in a step or as it was to be opened again.
    pub fn machine_failed(&self) {
        self.0.machine.failures.inc();
        self.0.machine.up.set(0);
    }

    /// The machine is open again, this long after it failed.
    pub fn machine_opened(&self, took: Duration) {
        self.0.machine.reopening.observe(took.as_secs_f64());
        self.0.machine.up.set(1);
    }

    /// All metrics in the OpenMetrics text format, with the gauges as the status has them.
    #[must_use]
    pub fn scrape(&self, status: &Status) -> String {
        self.0.gauges.set(status);
        self.page()
    }

    /// The same while there is no status to be had: what it would say stands as it was last.
    #[must_use]
    pub fn page(&self) -> String {
        // Whoever scrapes outside of an event loop has no tasks.
        self.0
            .gauges
            .tasks
            .set(Runtime::try_current().map_or(0, |here| whole(here.metrics().num_alive_tasks())));
        let mut page = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut page, &self.0.registry);
        page
    }

    pub(super) fn events(&self) -> &Events {
        &self.0.events
    }
}

/// What the machine observed, counted.
pub(super) struct Events {
    pub(super) enqueued: Counter,
    pub(super) refused: Counter,
    pub(super) deduplicated: Counter,
    pub(super) delivered: Counter,
    pub(super) retried: Counter,
    pub(super) dead: Counter,
    pub(super) paused: Counter,
    pub(super) delivery_age: Histogram,
    pub(super) relay_lost: Counter,
    pub(super) token_refused: Counter,
    pub(super) hello_from_memory: Counter,
    pub(super) menu_from_memory: Counter,
    pub(super) list_changed: Counter,
    pub(super) refresh_failed: Counter,
    pub(super) session_reopened: Counter,
    pub(super) session_failed: Counter,
    pub(super) store_failed: Counter,
}

impl Events {
    fn register(registry: &mut Registry) -> Self {
        let delivery_age = Histogram::new([0.1, 1.0, 10.0, 60.0, 300.0, 1800.0, 7200.0, 86_400.0]);
        let help = "How long a delivered write was in the outbox";
        registry.register_with_unit("outbox_delivery_age", help, Unit::Seconds, delivery_age.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        Self {
            enqueued: counter("outbox_enqueued", "Writes accepted into the outbox"),
            refused: counter("outbox_refused", "Writes that could not be accepted"),
            deduplicated: counter("outbox_deduplicated", "Writes that came again under a key already here"),
            delivered: counter("outbox_delivered", "Queued writes that reached the relay"),
            retried: counter("outbox_retried", "Deliveries that failed and are tried again"),
            dead: counter("outbox_dead", "Queued writes that the relay refused for good"),
            paused: counter("outbox_pauses", "Times the outbox began to wait for another token"),
            delivery_age,
            relay_lost: counter("relay_losses", "Times the relay stopped to answer"),
            token_refused: counter("relay_token_refusals", "Times the relay refused the runner's token"),
            hello_from_memory: counter("hellos_from_memory", "Hellos answered while the relay was away"),
            menu_from_memory: counter("menus_from_memory", "Menus answered while the relay was away"),
            list_changed: counter("list_changed_notifications", "tools/list_changed notifications sent"),
            refresh_failed: counter("menu_refresh_failures", "Fetches of the relay's menu that failed"),
            session_reopened: counter(
                "sessions_reopened",
                "Sessions opened again with a relay that forgot them",
            ),
            session_failed: counter("session_failures", "Sessions that could not be opened with the relay"),
            store_failed: counter("store_failures", "Batches of changes that the store refused"),
        }
    }
}

/// What becomes of the machine itself.
struct Machine {
    failures: Counter,
    reopening: Histogram,
    up: Gauge,
}

impl Machine {
    fn register(registry: &mut Registry) -> Self {
        let new = Self {
            failures: Counter::default(),
            reopening: Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0]),
            up: Gauge::default(),
        };
        let help = "Times the machine failed, in a step or as it was to be opened again";
        registry.register("machine_failures", help, new.failures.clone());
        let help = "How long there was no machine after it failed";
        registry.register_with_unit("machine_reopening", help, Unit::Seconds, new.reopening.clone());
        registry.register("machine_up", "1 while there is a machine", new.up.clone());
        new.up.set(1);
        new
    }
}

type Ratio = Gauge<f64, AtomicU64>;

struct Gauges {
    relay_up: Gauge,
    outbox_depth: Gauge,
    outbox_bytes: Gauge,
    outbox_oldest_age: Ratio,
    outbox_dead_letters: Gauge,
    outbox_paused: Gauge,
    streams: Gauge,
    sessions: Gauge,
    tools_visible: Gauge,
    tools_hidden: Gauge,
    tasks: Gauge,
}

impl Gauges {
    fn register(registry: &mut Registry) -> Self {
        let outbox_oldest_age = Ratio::default();
        let help = "How long the oldest waiting write has waited; 0 when none waits";
        registry.register_with_unit("outbox_oldest_age", help, Unit::Seconds, outbox_oldest_age.clone());
        let outbox_bytes = Gauge::default();
        let help = "The bytes of all writes in the outbox, dead letters included";
        registry.register_with_unit("outbox", help, Unit::Bytes, outbox_bytes.clone());
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        Self {
            relay_up: gauge("relay_up", "1 when the relay answered its last call"),
            outbox_depth: gauge("outbox_depth", "Writes that wait for delivery"),
            outbox_bytes,
            outbox_oldest_age,
            outbox_dead_letters: gauge("outbox_dead_letters", "Writes that the relay refused for good, kept"),
            outbox_paused: gauge("outbox_paused", "1 while delivery waits for another token"),
            streams: gauge("streams_open", "Event streams of the agent that are open"),
            sessions: gauge("sessions", "Legacy sessions that are kept"),
            tools_visible: gauge("tools_visible", "Tools of the relay's menu that the agent is shown"),
            tools_hidden: gauge("tools_hidden", "Tools of the relay's menu that the agent is not shown"),
            tasks: gauge(
                "tasks",
                "Connections, calls to the relay and other tasks of the event loop that are alive",
            ),
        }
    }

    fn set(&self, status: &Status) {
        let Status { relay, outbox, streams, sessions, context: _, tools } = status;
        let up = match relay.state {
            RelayState::Up => 1,
            RelayState::Down | RelayState::Unknown => 0,
        };
        let oldest = outbox.oldest_age_ms.map_or(Duration::ZERO, Duration::from_millis);
        self.relay_up.set(up);
        self.outbox_depth.set(whole(outbox.depth));
        self.outbox_bytes.set(whole(outbox.bytes));
        self.outbox_oldest_age.set(oldest.as_secs_f64());
        self.outbox_dead_letters.set(whole(outbox.dead_letters));
        self.outbox_paused.set(i64::from(outbox.paused));
        self.streams.set(whole(*streams));
        self.sessions.set(whole(*sessions));
        self.tools_visible.set(whole(tools.visible.len()));
        self.tools_hidden.set(whole(tools.hidden.len()));
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
