//! The relay's menu. A tool is a JSON text, so that its spelling can be looked for byte by byte.

use serde_json::Value;

/// The calls that the relay applies.
pub const WRITES: [&str; 3] = ["relay_send_message", "relay_reply", "relay_workspace_ready"];

/// The menu of a relay that was told nothing else: spellings that a re-serialiser would change.
#[must_use]
pub fn default_tools() -> Vec<String> {
    let send = r#"{"name":"relay_send_message","description":"Send \u0061 message","inputSchema":{"type":"object","properties":{"to":{"type":"string"},"text":{"type":"string"}},"x-limit":1.50e2},"x-unknown":{"z":1,"a":[]}}"#;
    let list = r#"{ "description" : "Read messages", "name" : "relay_list_messages", "inputSchema" : {"type":"object"}, "annotations":{"readOnlyHint":true} }"#;
    let mut tools = vec![send.to_owned(), tool("relay_reply"), list.to_owned(), tool("relay_spawn_agent")];
    tools.extend(["relay_workspace_status", "relay_workspace_ready"].map(tool));
    tools
}

/// What an agent without a worktree sees of [`default_tools`].
pub const VISIBLE: [&str; 4] =
    ["relay_send_message", "relay_reply", "relay_list_messages", "relay_spawn_agent"];

/// What only an agent with a worktree sees of [`default_tools`].
pub const HIDDEN: [&str; 2] = ["relay_workspace_status", "relay_workspace_ready"];

/// A plain tool of this name.
#[must_use]
pub fn tool(name: &str) -> String {
    format!(r#"{{"name":"{name}","description":"The tool {name}","inputSchema":{{"type":"object"}}}}"#)
}

/// The name in the JSON text of a tool.
///
/// # Panics
/// When it is no tool.
#[must_use]
pub fn name_of(tool: &str) -> String {
    let tool: Value = serde_json::from_str(tool).expect("a tool is JSON");
    tool["name"].as_str().expect("a tool has a name").to_owned()
}
