//! The labels of the metrics: closed sets, looked up once at the start, so that counting is one atomic
//! addition and nothing a stranger sends can add a time series.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use relay_mcp_core::Method;

/// How the answer to a request of the agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// A status below 400, to its end.
    Answered,
    /// A status from 400 to 499, to its end.
    Rejected,
    /// A status from 500 on, to its end.
    Failed,
    /// Broken off by us, because the relay's answer broke off.
    Aborted,
    /// The agent went away before the end.
    Gone,
}

impl RequestOutcome {
    const ALL: [Self; 5] = [Self::Answered, Self::Rejected, Self::Failed, Self::Aborted, Self::Gone];

    /// The outcome of an answer with this status that came to its end.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Answered,
            400..500 => Self::Rejected,
            500.. => Self::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Gone => "gone",
        }
    }
}

/// How a call to the relay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// A status below 400, to its end.
    Answered,
    /// A status from 400 to 499, to its end.
    Rejected,
    /// A status from 500 on, to its end.
    Failed,
    /// It came to nothing before a byte of it left.
    NotSent,
    /// It was sent, and no whole answer came back.
    Broken,
    /// We cancelled it.
    Cancelled,
}

impl CallOutcome {
    const ALL: [Self; 6] =
        [Self::Answered, Self::Rejected, Self::Failed, Self::NotSent, Self::Broken, Self::Cancelled];

    /// The outcome of an answer with this status that came to its end.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            0..400 => Self::Answered,
            400..500 => Self::Rejected,
            500.. => Self::Failed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::NotSent => "not_sent",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
        }
    }
}

type Labels = Vec<(&'static str, &'static str)>;

fn family(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Counter> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

/// The agent's requests, by method and outcome.
pub(super) struct Requests([[Counter; RequestOutcome::ALL.len()]; 3]);

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family =
            family(registry, "requests", "Requests of the agent that were let in, by how they ended");
        Self(["GET", "POST", "DELETE"].map(|method| {
            RequestOutcome::ALL.map(|outcome| {
                family.get_or_create_owned(&vec![("method", method), ("outcome", outcome.name())])
            })
        }))
    }

    pub(super) fn count(&self, method: Method, outcome: RequestOutcome) {
        let [get, post, delete] = &self.0;
        let row = match method {
            Method::Get => get,
            Method::Post => post,
            Method::Delete => delete,
        };
        let [answered, rejected, failed, aborted, gone] = row;
        let counter = match outcome {
            RequestOutcome::Answered => answered,
            RequestOutcome::Rejected => rejected,
            RequestOutcome::Failed => failed,
            RequestOutcome::Aborted => aborted,
            RequestOutcome::Gone => gone,
        };
        counter.inc();
    }
}

/// Calls to the relay, by outcome.
pub(super) struct Calls([Counter; CallOutcome::ALL.len()]);

impl Calls {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = family(registry, "relay_calls", "Calls to the relay, by how they ended");
        Self(CallOutcome::ALL.map(|outcome| family.get_or_create_owned(&vec![("outcome", outcome.name())])))
    }

    pub(super) fn count(&self, outcome: CallOutcome) {
        let [answered, rejected, failed, not_sent, broken, cancelled] = &self.0;
        let counter = match outcome {
            CallOutcome::Answered => answered,
            CallOutcome::Rejected => rejected,
            CallOutcome::Failed => failed,
            CallOutcome::NotSent => not_sent,
            CallOutcome::Broken => broken,
            CallOutcome::Cancelled => cancelled,
        };
        counter.inc();
    }
}

/// The statuses with which the door and its limits refuse, and how they are labelled.
const REFUSALS: [(u16, &str); 11] = [
    (400, "400"),
    (401, "401"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (413, "413"),
    (415, "415"),
    (429, "429"),
    (431, "431"),
    (503, "503"),
];

/// Requests that were not let in, by status.
pub(super) struct Refusals {
    known: [(u16, Counter); REFUSALS.len()],
    other: Counter,
}

impl Refusals {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let help = "Requests that were refused before the relay could see them, by HTTP status";
        let family = family(registry, "door_refusals", help);
        let counter = |label| family.get_or_create_owned(&vec![("status", label)]);
        Self { known: REFUSALS.map(|(status, label)| (status, counter(label))), other: counter("other") }
    }

    pub(super) fn count(&self, status: u16) {
        let known = self.known.iter().find(|(known, _)| *known == status);
        known.map_or(&self.other, |(_, counter)| counter).inc();
    }
}
