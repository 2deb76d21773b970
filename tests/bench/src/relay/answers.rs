//! What the relay answers: prepared, but for the id.

use std::fmt::Write;

use crate::mcp;

/// Tools of a relay that only an agent with a worktree of its own gets to see (B-4.1).
pub(crate) const WORKSPACE_TOOLS: [&str; 7] = [
    "relay_workspace_status",
    "relay_workspace_ready",
    "relay_workspace_deps",
    "relay_workspace_list",
    "relay_workspace_claim",
    "relay_workspace_release",
    "relay_workspace_land",
];

/// The parts of answers that are always the same.
pub(super) struct Answers {
    hello: String,
    small: String,
    large: String,
    written: String,
    last_event: String,
    progress: Vec<String>,
    menu_30: String,
    menu_1000: String,
}

/// How many events an answer in events has, the response included.
const EVENTS: usize = 20;

impl Answers {
    pub(super) fn prepared() -> Self {
        let progress = |at: usize| {
            let data = format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":7,"progress":{at},"total":{EVENTS},"message":"{}"}}}}"#,
                "step ".repeat(20)
            );
            format!("event: message\nid: {at}\ndata: {data}\n\n")
        };
        Self {
            hello: r#"{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"bench-relay","version":"1"}}"#.into(),
            small: text(mcp::DONE),
            large: text(&"y".repeat(100_000)),
            written: text("written"),
            last_event: text("after many steps"),
            progress: (1..EVENTS).map(progress).collect(),
            menu_30: menu(30),
            menu_1000: menu(1000),
        }
    }

    pub(super) fn hello(&self) -> &str {
        &self.hello
    }

    pub(super) fn menu(&self, tools: usize) -> &str {
        if tools > 30 { &self.menu_1000 } else { &self.menu_30 }
    }

    /// The result of a call.
    pub(super) fn result(&self, tool: &str) -> &str {
        match tool {
            mcp::LARGE => &self.large,
            mcp::WRITE => &self.written,
            _ => &self.small,
        }
    }

    /// The events of an answer, the response last.
    pub(super) fn events(&self, id: &str) -> impl Iterator<Item = String> {
        let last = format!("event: message\nid: {EVENTS}\ndata: {}\n\n", response(id, &self.last_event));
        self.progress.iter().cloned().chain([last])
    }
}

pub(super) fn response(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#)
}

fn text(text: &str) -> String {
    format!(r#"{{"content":[{{"type":"text","text":"{text}"}}],"isError":false}}"#)
}

/// A menu of so many tools, some 440 bytes each: among them the ones that are queued, and the ones that are hidden.
fn menu(tools: usize) -> String {
    let known = [mcp::WRITE, "relay_reply", mcp::SMALL, mcp::LARGE, mcp::EVENTS];
    let mut names: Vec<String> =
        WORKSPACE_TOOLS.iter().chain(&known).map(|name| (*name).to_owned()).collect();
    names.extend((names.len()..tools).map(|at| format!("relay_tool_{at:04}")));
    let mut menu = String::from(r#"{"tools":["#);
    for (at, name) in names.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _ = write!(
            menu,
            r#"{comma}{{"name":"{name}","title":"Tool {at}","description":"Does what tool {at} of the relay does, and says so when it is done. Use it when another agent has to know.","inputSchema":{{"type":"object","properties":{{"to":{{"type":"string","description":"Who is meant"}},"text":{{"type":"string","description":"What is said"}},"number":{{"type":"integer"}}}},"required":["text"]}}}}"#
        );
    }
    menu + "]}"
}
