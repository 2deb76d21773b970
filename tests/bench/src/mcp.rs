//! What the agent says: prepared requests, and the answers that they must get.

use crate::client::Answer;

/// A kind of request that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scenario {
    /// A call with 400 bytes of text.
    Small,
    /// A call with 100,000 bytes of text, answered with as many.
    Large,
    /// A call that is answered with 20 events.
    Events,
    /// A menu of 30 tools.
    Menu30,
    /// A menu of 1,000 tools.
    Menu1000,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] = [Self::Small, Self::Large, Self::Events, Self::Menu30, Self::Menu1000];

    /// As the report calls it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Small => "call, 400 B",
            Self::Large => "call, 100 KB both ways",
            Self::Events => "call, 20 events",
            Self::Menu30 => "tools/list, 30 tools",
            Self::Menu1000 => "tools/list, 1,000 tools",
        }
    }

    /// As the picture calls it, where there is little room.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Small => "call 400 B",
            Self::Large => "call 100 KB",
            Self::Events => "20 events",
            Self::Menu30 => "30 tools",
            Self::Menu1000 => "1,000 tools",
        }
    }

    /// As the command line calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
            Self::Events => "events",
            Self::Menu30 => "menu30",
            Self::Menu1000 => "menu1000",
        }
    }

    /// How many tools the relay has.
    pub(crate) fn tools(self) -> usize {
        match self {
            Self::Menu1000 => 1000,
            Self::Small | Self::Large | Self::Events | Self::Menu30 => 30,
        }
    }

    /// The body of a request, with this id.
    pub(crate) fn body(self, id: &str) -> String {
        match self {
            Self::Small => call(id, SMALL, 400),
            Self::Large => call(id, LARGE, 100_000),
            Self::Events => call(id, EVENTS, 400),
            Self::Menu30 | Self::Menu1000 => {
                format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list","params":{{}}}}"#)
            }
        }
    }

    /// Whether this is what the relay answers, handed on, or narrowed as it may be.
    pub(crate) fn check(self, id: &str, answer: &Answer) -> Result<(), String> {
        let count = |what: &str| answer.text().matches(what).count();
        let right = match self {
            Self::Small => count(DONE) == 1,
            Self::Large => answer.body.len() > 100_000,
            Self::Events => count("data: ") == 20 && count("notifications/progress") == 19,
            Self::Menu30 | Self::Menu1000 => {
                let tools = count("\"inputSchema\"");
                tools == self.tools() || tools == self.tools() - crate::relay::WORKSPACE_TOOLS.len()
            }
        };
        match answer.status == 200 && right && answer.text().contains(&format!("\"id\":{id}")) {
            true => Ok(()),
            false => {
                let text: String = answer.text().chars().take(300).collect();
                Err(format!("{} is answered with {}: {text}", self.title(), answer.status))
            }
        }
    }
}

/// Tools of the relay: what their calls are answered with differs.
pub(crate) const SMALL: &str = "bench_small";
pub(crate) const LARGE: &str = "bench_large";
pub(crate) const EVENTS: &str = "bench_events";
/// A tool whose calls the proxy queues.
pub(crate) const WRITE: &str = "relay_send_message";
/// The text in the answer of a small call.
pub(crate) const DONE: &str = "it is done";

/// As long as the ids of prepared requests, which are patched in place.
pub(crate) const ID: &str = "1000000000";

/// The first id of an agent, such that each has numbers enough of its own.
pub(crate) fn first_id(lane: usize) -> u64 {
    1_000_000_000 + lane as u64 * PER_LANE
}

/// Whose id this is.
pub(crate) fn lane_of(id: u64) -> usize {
    id.checked_sub(1_000_000_000).map_or(usize::MAX, |id| (id / PER_LANE) as usize)
}

const PER_LANE: u64 = 100_000_000;

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn call(id: &str, tool: &str, bytes: usize) -> String {
    let text = "x".repeat(bytes);
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}","arguments":{{"text":"{text}"}}}}}}"#
    )
}

/// The body of a write, with this id and 400 bytes of text. The relay looks whether the numbers come in their order,
/// so the id is among the arguments too.
pub(crate) fn write(id: &str) -> String {
    let text = "x".repeat(400);
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{WRITE}","arguments":{{"number":{id},"to":"somebody","text":"{text}"}}}}}}"#
    )
}
