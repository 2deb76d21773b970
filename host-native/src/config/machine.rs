//! What the machine is told: the menu's rules, the context, the bufferable tools, its bounds.

use relay_mcp_core::{Config, Context, Glob, MenuRule};

use super::file::Rule;
use super::layers::{Layers, given};
use super::source::Given;
use super::{ConfigError, limits, lists};

/// The seed's flag (B-4.1).
const ISOLATED_WORKTREE: &str = "isolatedWorktree";

pub(super) fn config(layers: &Layers<'_>) -> Result<Config, ConfigError> {
    let mut core = Config::default();
    if let Some(rules) = &layers.file.menu {
        core.rules = menu(layers, rules)?;
    }
    core.context = context(layers, &core.rules)?;
    if let Some(given) = given!(layers.list, "bufferable", bufferable)? {
        given.read(|tools| tools.iter().try_for_each(|tool| lists::check_tool(tool)))?;
        core.bufferable = given.value;
        core.bufferable.sort();
        core.bufferable.dedup();
    }
    limits::machine(layers, &mut core)?;
    Ok(core)
}

fn menu(layers: &Layers<'_>, rules: &[Rule]) -> Result<Vec<MenuRule>, ConfigError> {
    let given = Given { key: "menu", value: rules, from: layers.in_file() };
    given.read(|rules| rules.iter().map(rule).collect())
}

fn rule(rule: &Rule) -> Result<MenuRule, String> {
    match rule.tools.iter().find(|tool| tool.is_empty() || tool.contains(char::is_whitespace)) {
        Some(tool) => {
            Err(format!("{tool:?} in `tools` is neither the name of a tool nor a pattern with `*`"))
        }
        None if rule.tools.is_empty() => Err("`tools` of a rule is empty: name at least one tool".into()),
        None if rule.needs.is_empty() => {
            Err("`needs` of a rule is empty: name a flag of the context, such as `isolatedWorktree`".into())
        }
        None => Ok(MenuRule { tools: rule.tools.iter().map(Glob::new).collect(), needs: rule.needs.clone() }),
    }
}

/// Every flag that a rule needs is there, false unless it is said otherwise.
fn context(layers: &Layers<'_>, rules: &[MenuRule]) -> Result<Context, ConfigError> {
    let needed = rules.iter().map(|rule| rule.needs.as_str()).chain([ISOLATED_WORKTREE]);
    let mut context: Context = needed.map(|flag| (flag.to_owned(), false)).collect();
    let in_file = layers.file.context.as_ref();
    context.extend(in_file.into_iter().flatten().map(|(flag, value)| (flag.clone(), *value)));
    let Some(given) = given!(layers.switch, "isolated-worktree", isolated_worktree)? else {
        return Ok(context);
    };
    let said = in_file.and_then(|flags| flags.get(ISOLATED_WORKTREE));
    if given.from == layers.in_file() && said.is_some_and(|said| *said != given.value) {
        return Err(given.bad("the file says the opposite as isolatedWorktree in [context]: say it once"));
    }
    context.set(ISOLATED_WORKTREE.to_owned(), given.value);
    Ok(context)
}
