//! The relay's tools.

use serde_json::{Value, json};

/// An argument that has the relay apply a write and keep the answer to itself, so that it can die in between.
pub(crate) const NEVER_ANSWER: &str = "demoNeverAnswer";

/// A tool.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    description: &'static str,
    /// The string arguments that it takes, beside an idempotency key.
    arguments: &'static [&'static str],
    pub(super) is_write: bool,
}

/// The menu, in its order.
pub(crate) const TOOLS: [Tool; 10] = [
    write("relay_send_message", "Send a message to a channel.", &["channel", "text"]),
    write("relay_reply", "Reply to a message.", &["messageId", "text"]),
    read("relay_whoami", "Say who you are to the relay."),
    read("relay_workspace_status", "Say how your worktree is."),
    write("relay_workspace_ready", "Say that your worktree is ready to land.", &["summary"]),
    read("relay_workspace_deps", "List what your worktree depends on."),
    read("relay_workspace_list", "List all worktrees."),
    read("relay_workspace_claim", "Claim a worktree."),
    read("relay_workspace_release", "Release your worktree."),
    read("relay_workspace_land", "Land your worktree."),
];

const fn write(name: &'static str, description: &'static str, arguments: &'static [&'static str]) -> Tool {
    Tool { name, description, arguments, is_write: true }
}

const fn read(name: &'static str, description: &'static str) -> Tool {
    Tool { name, description, arguments: &[], is_write: false }
}

impl Tool {
    /// As `tools/list` shows it.
    pub(super) fn definition(&self) -> Value {
        let string = |name: &&str| ((*name).to_owned(), json!({ "type": "string" }));
        let mut properties: serde_json::Map<_, _> = self.arguments.iter().map(string).collect();
        if self.is_write {
            properties.insert("idempotencyKey".into(), json!({ "type": "string" }));
        }
        let schema = json!({ "type": "object", "properties": properties, "required": self.arguments });
        json!({ "name": self.name, "description": self.description, "inputSchema": schema })
    }
}
