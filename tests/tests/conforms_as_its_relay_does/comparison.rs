//! The findings of two runs side by side, as a table and as a list of what differs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::runner::{Check, Findings, Status};

/// What was found of one relay for one revision, directly and through the proxy.
pub(crate) struct Comparison {
    pub(crate) relay: &'static str,
    pub(crate) revision: &'static str,
    pub(crate) direct: Findings,
    pub(crate) proxied: Findings,
}

/// A check that ended differently.
pub(crate) struct Difference {
    pub(crate) scenario: String,
    pub(crate) check: String,
    direct: Check,
    proxied: Check,
}

impl Comparison {
    pub(crate) fn differences(&self) -> Vec<Difference> {
        let mut differences = Vec::new();
        for (scenario, check) in self.names() {
            let find = |findings: &Findings| {
                findings.get(scenario).and_then(|checks| checks.get(check)).cloned().unwrap_or_default()
            };
            let (direct, proxied) = (find(&self.direct), find(&self.proxied));
            if direct.statuses != proxied.statuses {
                let (scenario, check) = (scenario.clone(), check.clone());
                differences.push(Difference { scenario, check, direct, proxied });
            }
        }
        differences
    }

    /// The table of the scenarios.
    pub(crate) fn table(&self) -> String {
        let mut table = format!("### {} against {}\n\n", self.revision, self.relay);
        table.push_str("| scenario | checks | direct | through the proxy |\n|---|---|---|---|\n");
        let mut totals = (0, Vec::new(), Vec::new());
        for scenario in self.scenarios() {
            let (direct, proxied) = (statuses(&self.direct, scenario), statuses(&self.proxied, scenario));
            let checks = self.names().iter().filter(|(of, _)| *of == scenario).count();
            writeln!(table, "| {scenario} | {checks} | {} | {} |", count(&direct), count(&proxied)).unwrap();
            totals.0 += checks;
            totals.1.extend(direct);
            totals.2.extend(proxied);
        }
        let (checks, direct, proxied) = totals;
        writeln!(table, "| **all** | {checks} | {} | {} |", count(&direct), count(&proxied)).unwrap();
        table
    }

    fn scenarios(&self) -> BTreeSet<&String> {
        self.direct.keys().chain(self.proxied.keys()).collect()
    }

    /// Scenario and check, of all that were made.
    fn names(&self) -> BTreeSet<(&String, &String)> {
        let both = self.direct.iter().chain(&self.proxied);
        both.flat_map(|(scenario, checks)| checks.keys().map(move |check| (scenario, check))).collect()
    }
}

impl Difference {
    /// Whether the proxy made it worse in any way.
    pub(crate) fn is_worse(&self) -> bool {
        let (direct, proxied) = (&self.direct.statuses, &self.proxied.statuses);
        proxied.is_empty()
            || (!direct.is_empty() && (proxied.len() < direct.len() || is_any_worse(direct, proxied)))
    }

    pub(crate) fn sentence(&self) -> String {
        let Self { scenario, check, direct, proxied } = self;
        let (directly, through) = (count(&direct.statuses), count(&proxied.statuses));
        let said: Vec<&String> = direct.messages.iter().chain(&proxied.messages).collect();
        format!("{scenario}: {check}: directly {directly}, through the proxy {through}: {said:?}")
    }
}

/// Both are in the order of quality.
fn is_any_worse(direct: &[Status], proxied: &[Status]) -> bool {
    let worst = direct.last();
    direct.iter().zip(proxied).any(|(direct, proxied)| proxied > direct)
        || proxied.iter().skip(direct.len()).any(|status| Some(status) > worst)
}

fn statuses(findings: &Findings, scenario: &str) -> Vec<Status> {
    let checks = findings.get(scenario).into_iter().flatten();
    checks.flat_map(|(_, check)| check.statuses.iter().copied()).collect()
}

/// `3 pass, 1 fail`
fn count(statuses: &[Status]) -> String {
    let names = [
        (Status::Success, "pass"),
        (Status::Info, "note"),
        (Status::Skipped, "skipped"),
        (Status::Warning, "warn"),
        (Status::Failure, "fail"),
    ];
    let counted =
        names.map(|(status, name)| (statuses.iter().filter(|found| **found == status).count(), name));
    let parts = counted.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = parts.map(|(number, name)| format!("{number} {name}")).collect();
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}
