//! The picture: bars, a panel for each question.

use std::fmt::Write;

use super::number;
use crate::mcp::Scenario;
use crate::measure::calls::{Run, Runs};
use crate::results::Results;

/// A panel of bars, some beside each other for each group.
struct Panel {
    title: String,
    groups: Vec<String>,
    /// For each series a value for each group.
    values: Vec<Vec<Option<f64>>>,
    digits: usize,
}

const COLOURS: [&str; 7] = ["#9aa0a6", "#5b8c5a", "#d1603d", "#7b5ea7", "#2f6f9f", "#c29b0c", "#444444"];
const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 220.0;
const MARGIN: f64 = 24.0;

/// The picture as SVG; none where no requests were measured.
pub(crate) fn svg(results: &Results) -> Option<String> {
    let panels = panels(results);
    let (first, series) = (panels.first()?, &results.targets);
    debug_assert_eq!(first.values.len(), series.len());
    let rows = panels.len().div_ceil(2) as f64;
    let (width, height) = (2.0 * WIDTH + 3.0 * MARGIN, rows * (HEIGHT + 2.0 * MARGIN) + 2.0 * MARGIN);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    legend(&mut svg, series);
    for (at, panel) in panels.iter().enumerate() {
        let x = MARGIN + (at % 2) as f64 * (WIDTH + MARGIN);
        let y = 2.0 * MARGIN + (at / 2) as f64 * (HEIGHT + 2.0 * MARGIN);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        draw(&mut svg, panel);
        svg += "</g>\n";
    }
    Some(svg + "</svg>\n")
}

fn panels(results: &Results) -> Vec<Panel> {
    if results.runs.is_empty() {
        return Vec::new();
    }
    let by_connections = |title: &str, digits, value: fn(&Run) -> Option<f64>| Panel {
        title: title.into(),
        groups: results.connections.iter().map(|count| connections(*count)).collect(),
        values: series(results, results.connections.iter().map(|count| (Scenario::Small, *count)), value),
        digits,
    };
    let middle = results.connections[results.connections.len() / 2];
    let by_scenario = |title: String, digits, value: fn(&Run) -> Option<f64>| Panel {
        title,
        groups: results.scenarios.iter().map(|scenario| scenario.label().to_owned()).collect(),
        values: series(results, results.scenarios.iter().map(|scenario| (*scenario, middle)), value),
        digits,
    };
    let mut panels = Vec::new();
    if results.scenarios.contains(&Scenario::Small) {
        panels.push(by_connections("call of 400 B: CPU µs/request, the less the better", 1, |run| run.cpu));
        panels.push(by_connections("call of 400 B: requests/s, the more the better", 0, |run| {
            Some(run.per_second)
        }));
    }
    panels.push(by_scenario(format!("CPU µs/request, {}", connections(middle)), 0, |run| run.cpu));
    panels.push(by_scenario(format!("requests/s, {}", connections(middle)), 0, |run| Some(run.per_second)));
    panels
}

fn connections(count: usize) -> String {
    format!("{count} connection{}", if count == 1 { "" } else { "s" })
}

fn series(
    results: &Results,
    groups: impl Iterator<Item = (Scenario, usize)> + Clone,
    value: fn(&Run) -> Option<f64>,
) -> Vec<Vec<Option<f64>>> {
    let runs = Runs(&results.runs);
    let of = |target: &String| groups.clone().map(|at| runs.median(at, target, value)).collect();
    results.targets.iter().map(of).collect()
}

fn legend(svg: &mut String, series: &[String]) {
    for (at, name) in series.iter().enumerate() {
        let (x, colour) = (MARGIN + at as f64 * 120.0, COLOURS[at % COLOURS.len()]);
        // Writing to a String does not fail.
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"12\" width=\"11\" height=\"11\" fill=\"{colour}\"/><text x=\"{}\" y=\"22\">{name}</text>",
            x + 16.0
        );
    }
}

/// Bars as high as their share of the highest in their group's panel, on a square-root scale where they differ by more
/// than thirty times.
fn draw(svg: &mut String, panel: &Panel) {
    let most = panel.values.iter().flatten().flatten().copied().fold(0.0, f64::max);
    let least =
        panel.values.iter().flatten().flatten().copied().filter(|value| *value > 0.0).fold(most, f64::min);
    let is_root = most > 30.0 * least;
    let share = |value: f64| if is_root { (value / most).sqrt() } else { value / most };
    let note = if is_root { " (heights are square roots)" } else { "" };
    let _ = writeln!(svg, "<text y=\"0\" font-weight=\"bold\">{}{note}</text>", panel.title);
    let group = WIDTH / panel.groups.len() as f64;
    let bar = (group - 12.0) / panel.values.len() as f64;
    let room = HEIGHT - 60.0;
    for (at, name) in panel.groups.iter().enumerate() {
        let left = at as f64 * group;
        let middle = left + group / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{middle:.1}\" y=\"{}\" text-anchor=\"middle\">{name}</text>",
            HEIGHT - 4.0
        );
        for (which, values) in panel.values.iter().enumerate() {
            let Some(value) = values[at] else { continue };
            let (x, height) = (left + 6.0 + which as f64 * bar, share(value) * room);
            let top = HEIGHT - 20.0 - height;
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
                bar - 2.0,
                COLOURS[which % COLOURS.len()]
            );
            let (x, top) = (x + bar / 2.0 + 2.0, top - 3.0);
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{top:.1}\" font-size=\"9\" transform=\"rotate(-60 {x:.1} {top:.1})\">{}</text>",
                number(value, panel.digits)
            );
        }
    }
    let base = HEIGHT - 20.0;
    let _ = writeln!(svg, "<line x1=\"0\" y1=\"{base}\" x2=\"{WIDTH}\" y2=\"{base}\" stroke=\"#888\"/>");
}
