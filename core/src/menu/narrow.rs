//! Narrowing (B-4.1, B-4.5): which tools the agent is shown, and how.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use crate::config::{Config, MenuRule};
use crate::context::Context;
use crate::jsonrpc::{Object, set_member};

/// The schema of a receipt (B-5.4).
const RECEIPT_SCHEMA: &str = concat!(
    r#"{"type":"object","properties":{"queued":{"const":true},"tool":{"type":"string"},"#,
    r#""idempotencyKey":{"type":"string"},"note":{"type":"string"}},"#,
    r#""required":["queued","tool","idempotencyKey","note"]}"#
);

/// What decides which tools are shown, and how.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    rules: &'a [MenuRule],
    context: &'a Context,
    bufferable: &'a [String],
}

impl<'a> Rules<'a> {
    /// The configured rules in this context.
    #[must_use]
    pub fn new(config: &'a Config, context: &'a Context) -> Self {
        Self { rules: &config.rules, context, bufferable: &config.bufferable }
    }

    /// Whether every rule that names this tool holds (B-4.1).
    #[must_use]
    pub fn shows(&self, tool: &str) -> bool {
        self.rules.iter().all(|rule| {
            let holds = self.context.holds(&rule.needs);
            holds || !rule.tools.iter().any(|glob| glob.matches(tool))
        })
    }

    /// A tool's definition as the agent gets it: as it is, but a tool that may be answered with a receipt
    /// says so in its `outputSchema`, since clients check results against it (B-4.5).
    #[must_use]
    pub fn shown<'t>(&self, name: &str, definition: &'t str) -> Cow<'t, str> {
        if !self.bufferable.iter().any(|tool| tool == name) {
            return Cow::Borrowed(definition);
        }
        let schema =
            Object::parse(definition).and_then(|tool| tool.object("outputSchema").map(|s| (tool, s)));
        let Some((tool, schema)) = schema else { return Cow::Borrowed(definition) };
        Cow::Owned(set_member(&tool, "outputSchema", &schema_with_receipt(&schema)))
    }
}

/// A schema that admits what `schema` admits, and receipts. What `$ref`s point at stays at the root.
fn schema_with_receipt(schema: &Object<'_>) -> String {
    let mut wider = String::from(r#"{"type":"object""#);
    for name in ["$schema", "$defs", "definitions"] {
        if let Some(value) = schema.get(name) {
            wider.push_str(&format!(r#","{name}":{value}"#));
        }
    }
    wider.push_str(&format!(r#","anyOf":[{},{RECEIPT_SCHEMA}]}}"#, schema.text().trim()));
    wider
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::menu::Page;

    const LIST: &str = r#"{"x" :1.0,"tools":[ {"name":"relay_workspace_land","a":1}, {"b":2.50,"name":"relay_reply"} ],"nextCursor":""}"#;

    fn narrowed(result: &str, isolated: bool) -> Option<String> {
        let config = Config::default();
        let context = Context::from([("isolatedWorktree".into(), isolated)]);
        let rules = Rules::new(&config, &context);
        let body = Bytes::copy_from_slice(result.as_bytes());
        let result = core::str::from_utf8(&body).unwrap();
        Page::read(&body, result, None, &rules).map(|page| page.narrowed(&page.visible(&rules)))
    }

    #[test]
    fn b_4_1_a_tool_is_shown_only_where_its_rules_hold() {
        assert_eq!(
            narrowed(LIST, false).unwrap(),
            r#"{"x" :1.0,"tools":[{"b":2.50,"name":"relay_reply"}],"nextCursor":""}"#
        );
        assert!(narrowed(LIST, true).unwrap().contains("relay_workspace_land"));
    }

    #[test]
    fn b_4_3_the_answer_is_for_this_agent_and_this_moment_only() {
        let result = r#"{"resultType":"complete","tools":[],"ttlMs":60000,"cacheScope":"public"}"#;
        assert_eq!(
            narrowed(result, true).unwrap(),
            r#"{"resultType":"complete","tools":[],"ttlMs":0,"cacheScope":"private"}"#
        );
    }

    #[test]
    fn b_4_5_a_tool_that_may_be_queued_admits_the_receipt() {
        let result = r##"{"tools":[{"name":"relay_reply","outputSchema":{"type":"object","$defs":{"d":{}},"properties":{"p":{"$ref":"#/$defs/d"}}}}]}"##;
        let result = narrowed(result, true).unwrap();
        let value: serde_json::Value = serde_json::from_str(&result).unwrap();
        let schema = &value["tools"][0]["outputSchema"];
        assert_eq!(schema["type"], "object");
        assert!(schema["$defs"]["d"].is_object());
        assert_eq!(schema["anyOf"][0]["properties"]["p"]["$ref"], "#/$defs/d");
        assert_eq!(schema["anyOf"][1]["properties"]["queued"]["const"], true);
    }

    #[test]
    fn what_is_no_list_of_tools_is_left_alone() {
        for result in ["{}", r#"{"tools":{}}"#, r#"{"tools":null}"#, "[]"] {
            assert_eq!(narrowed(result, true), None, "{result}");
        }
    }
}
