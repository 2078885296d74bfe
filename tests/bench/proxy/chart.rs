//! The figures as a picture: a bar for what each listener adds to a path.

use std::fmt::Write as _;

use crate::figures::{Results, median};
use crate::guard::Guard;
use crate::paths::Path;

const WIDTH: f64 = 960.0;
const LABELS: f64 = 400.0;
const ROW: f64 = 18.0;
const HEADING: f64 = 26.0;
const MARGIN: f64 = 16.0;

/// The picture as an SVG document.
pub(crate) fn draw(paths: &[&Path], results: &Results) -> String {
    let added = |path: &Path, guard: Guard| median(&results.added(&path.name, guard)).max(0.0);
    let all = paths.iter().flat_map(|path| path.guards.iter().map(|guard| added(path, *guard)));
    let longest = all.fold(1.0, f64::max);
    let mut body = String::new();
    let mut y = 2.0 * MARGIN + HEADING;
    for path in paths {
        text(&mut body, MARGIN, y, "heading", &format!("{}: {}", path.name, path.what));
        y += ROW;
        for guard in &path.guards {
            let figure = added(path, *guard);
            let length = figure / longest * (WIDTH - LABELS - 5.0 * MARGIN);
            text(&mut body, 2.0 * MARGIN, y, "label", &guard.name());
            // Writing to a string does not fail.
            let _ = writeln!(
                body,
                r#"<rect class="{}" x="{LABELS}" y="{:.1}" width="{length:.1}" height="{:.1}"/>"#,
                class(*guard),
                y - ROW * 0.7,
                ROW * 0.8
            );
            text(&mut body, LABELS + length + 6.0, y, "label", &format!("{figure:.1}"));
            y += ROW;
        }
        y += HEADING - ROW;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" font-family="sans-serif">
<style>
.paper {{ fill: #fff }} .title {{ font-size: 16px; font-weight: bold }} .heading {{ font-size: 13px }}
.label {{ font-size: 12px; fill: #444 }} .ours {{ fill: #1f6feb }} .theirs {{ fill: #b0b7c0 }} .other {{ fill: #dfe3e8 }}
</style>
<rect class="paper" width="{WIDTH}" height="{height:.0}"/>
<text class="title" x="{MARGIN}" y="{title:.0}">CPU time that a filter adds to a request, microseconds</text>
{body}</svg>
"#,
        height = y + MARGIN,
        title = MARGIN + 12.0,
    )
}

const fn class(guard: Guard) -> &'static str {
    if guard.is_ours() {
        "ours"
    } else if guard.is_theirs() {
        "theirs"
    } else {
        "other"
    }
}

fn text(body: &mut String, x: f64, y: f64, class: &str, text: &str) {
    let _ = writeln!(body, r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{text}</text>"#);
}
