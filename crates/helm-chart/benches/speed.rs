//! `cargo bench -p helm-chart`: the least processor time of several runs that the largest things take, against the bounds that they have.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on panics")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use helm_chart::engine::{Limits, Program};
use helm_chart::{Chart, values};
use serde_json::{Map, Value, json};

#[path = "../tests/large/mod.rs"]
mod large;

use large::{chart, release};

/// Time that this thread had a processor.
fn on_processor() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = times.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

/// Prints the least time of so many runs, each of which does it so many times.
fn least(what: &str, bound: Duration, (runs, times): (usize, u32), mut run: impl FnMut()) {
    let all = (0..runs).map(|_| {
        let begun = on_processor();
        (0..times).for_each(|_| run());
        on_processor().saturating_sub(begun) / times
    });
    let time = all.min().unwrap();
    let verdict = if time <= bound { "within" } else { "BEYOND" };
    println!("{what}: {time:?}, {verdict} {bound:?}");
}

fn render(program: &Program, values: &Value) {
    let rendered = program.render(values, &release(), &Arc::default(), &Limits::default());
    black_box(rendered.unwrap());
}

fn flash_pod() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../charts/flash-pod");
    let chart = Chart::load(&path).unwrap();
    let program = Program::compile(&chart).unwrap();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/charts/flash-pod/yes-and-no.yaml"
    );
    let user = values::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let merged = values::coalesce(chart.values.as_object().unwrap(), user);
    let merged = Value::Object(merged);
    let bound = Duration::from_micros(350);
    least("flash-pod rendered", bound, (50, 40), || {
        render(&program, black_box(&merged));
    });
}

fn defines() {
    let text = large::defines();
    let files = [
        ("templates/_defines.tpl", text.as_str()),
        ("templates/a.yaml", "a: {{ include \"t39999\" . }}\n"),
    ];
    let bound = Duration::from_millis(500);
    least("40 000 defines loaded and rendered", bound, (9, 1), || {
        let chart = chart(&files);
        render(&Program::compile(&chart).unwrap(), &json!({"a": 1}));
    });
}

fn five_megabytes() {
    let text = large::five_megabytes();
    let bound = Duration::from_millis(600);
    least("5 MB of values read and merged", bound, (9, 1), || {
        let read = values::parse(&text).unwrap();
        black_box(values::coalesce(&read, Map::new()));
    });
    let files = [
        ("values.yaml", text.as_str()),
        (
            "templates/a.yaml",
            "a: {{ tpl .Values.service1.image . }}\n",
        ),
    ];
    least("a chart with 5 MB of values loaded", bound, (9, 1), || {
        black_box(Program::compile(&chart(&files)).unwrap());
    });
}

fn main() {
    flash_pod();
    defines();
    five_megabytes();
}
