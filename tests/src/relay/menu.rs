//! The relay's answer to `tools/list`.

use super::Shared;
use super::recorded::Recorded;
use super::tools::name_of;

/// A page of the menu, a JSON text. The cursor of page n is `page-n`.
pub(super) fn page(shared: &Shared, request: &Recorded, modern: bool) -> String {
    let behaviour = shared.behaviour.lock().unwrap();
    let scope = request.token().and_then(|token| behaviour.scopes.get(token));
    let tools: Vec<&String> = behaviour
        .tools
        .iter()
        .filter(|tool| scope.is_none_or(|scope| scope.contains(&name_of(tool))))
        .collect();
    let size = behaviour.page.unwrap_or(tools.len().max(1));
    let number = request.params()["cursor"]
        .as_str()
        .and_then(|cursor| cursor.strip_prefix("page-")?.parse::<usize>().ok())
        .unwrap_or(0);
    let shown: Vec<&str> = tools.iter().skip(number * size).take(size).map(|tool| tool.as_str()).collect();
    let mut members = vec![format!(r#""tools":[{}]"#, shown.join(" , "))];
    if (number + 1) * size < tools.len() {
        members.push(format!(r#""nextCursor":"page-{}""#, number + 1));
    }
    if modern {
        members.push(r#""resultType":"complete","ttlMs":60000,"cacheScope":"public""#.to_owned());
    }
    members.extend(behaviour.list_extra.clone());
    format!("{{{}}}", members.join(","))
}
