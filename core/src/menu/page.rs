//! A page of the relay's menu: read once, and remembered as it was said, so that a relay which says the same again
//! needs not be read again.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Rules, view};
use crate::jsonrpc::{Object, around_member, elements};

/// One answer to `tools/list`. Two are the same that hold the same, however they said it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The cursor that it was asked for with; the first has none.
    pub(super) cursor: Option<String>,
    /// The cursor of the next page. An empty string is a cursor too.
    pub(super) next: Option<String>,
    pub(super) tools: Vec<Tool>,
    /// The result as the relay wrote it; empty where the page comes from the store.
    said: Bytes,
    /// What stands around the tools in it, as the agent gets it (B-4.3).
    around: [String; 2],
}

/// A tool as the relay defined it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    pub(crate) name: String,
    /// Its definition, a JSON text.
    pub(crate) text: Bytes,
    /// Its definition as it is [shown](Rules::shown).
    pub(super) shown: Bytes,
    /// The [fingerprint](view::fingerprint) of that.
    pub(super) print: u64,
}

impl PartialEq for Page {
    fn eq(&self, other: &Self) -> bool {
        self.cursor == other.cursor && self.next == other.next && self.tools == other.tools
    }
}

impl Eq for Page {}

impl Page {
    /// A page that is remembered.
    pub(super) fn recovered(cursor: Option<String>, next: Option<String>, tools: Vec<Tool>) -> Self {
        Self { cursor, next, tools, said: Bytes::new(), around: Default::default() }
    }

    /// Reads a result that stands in `body` and was asked for with this cursor; nothing where it has no list of tools.
    /// What is kept are slices of `body`.
    ///
    /// # Panics
    /// When the result does not stand in `body`.
    #[must_use]
    pub fn read(body: &Bytes, result: &str, cursor: Option<String>, rules: &Rules<'_>) -> Option<Self> {
        let slice = |text: &str| body.slice_ref(text.as_bytes());
        let object = Object::parse(result)?;
        let tools = elements(object.get("tools")?)?.into_iter();
        Some(Self {
            cursor,
            next: object.string("nextCursor").map(Cow::into_owned),
            tools: tools.map(|tool| Tool::new(name_of(tool), slice(tool), rules)).collect(),
            said: slice(result),
            around: around_member(&object, "tools", &[("cacheScope", r#""private""#), ("ttlMs", "0")])?,
        })
    }

    /// Every tool of it, shown or not.
    #[must_use]
    pub fn tools(&self) -> &[Tool] {
        &self.tools
    }

    /// The result as the relay wrote it; empty where that is not known.
    pub(super) fn said(&self) -> &[u8] {
        &self.said
    }

    /// Those of its tools that the rules show (B-4.1).
    #[must_use]
    pub fn visible(&self, rules: &Rules<'_>) -> Vec<&Tool> {
        visible(&mut self.tools.iter(), rules)
    }

    /// The result that the relay said with these of its tools, as the agent gets it (B-4.2, B-4.3).
    #[must_use]
    pub fn narrowed(&self, tools: &[&Tool]) -> String {
        with_tools(self.around.each_ref().map(String::as_str), tools)
    }
}

impl Tool {
    /// This definition, as these rules show it.
    pub(super) fn new(name: String, text: Bytes, rules: &Rules<'_>) -> Self {
        let mut tool = Self { name, shown: text.clone(), text, print: 0 };
        if let Cow::Owned(shown) = rules.shown(&tool.name, tool.text()) {
            tool.shown = Bytes::from(shown);
        }
        tool.print = view::fingerprint(tool.shown());
        tool
    }

    /// What it is called; empty where it says no name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn text(&self) -> &str {
        core::str::from_utf8(&self.text).unwrap_or("{}")
    }

    /// Its definition, as the agent gets it.
    pub(super) fn shown(&self) -> &str {
        core::str::from_utf8(&self.shown).unwrap_or("{}")
    }
}

/// A tool's name. One without a name is shown as it is: no rule can name it.
fn name_of(definition: &str) -> String {
    let name = Object::parse(definition).and_then(|tool| tool.string("name"));
    name.unwrap_or_default().into_owned()
}

/// Those that the rules show.
pub(super) fn visible<'t>(tools: &mut dyn Iterator<Item = &'t Tool>, rules: &Rules<'_>) -> Vec<&'t Tool> {
    tools.filter(|tool| rules.shows(&tool.name)).collect()
}

/// A list result with these tools.
pub(super) fn with_tools([before, behind]: [&str; 2], tools: &[&Tool]) -> String {
    let length: usize = tools.iter().map(|tool| tool.shown.len() + 1).sum();
    let mut result = String::with_capacity(before.len() + length + 2 + behind.len());
    result.push_str(before);
    for (at, tool) in tools.iter().enumerate() {
        result.push(if at == 0 { '[' } else { ',' });
        result.push_str(tool.shown());
    }
    result.push_str(if tools.is_empty() { "[]" } else { "]" });
    result.push_str(behind);
    result
}
