//! A report as one table in Markdown, for people. Pure.

use std::fmt::Write;

use super::{
    measurement::{Contestant, Measurement, Run},
    report::Report,
};

/// The table, with what was measured on above it.
pub fn table(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "\n{}, commit {}: {} cores ({}), {} GiB, Linux {}, load {} before\n\n",
        report.date,
        report.commit,
        machine.cores,
        machine.processor,
        machine.memory_gib,
        machine.kernel,
        report.load
    );
    let ceiling = ceiling(report);
    text += "| | control plane's CPU ms a device | devices | in flight | devices/s | of raw | writes a device | requests of the rest | CPU ms a device | API server's | MiB | slot to POST ms, p50, p99 | job to Pod ms, p50 | FlashJob KiB | load |\n";
    text += "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for measurement in &report.measurements {
        row(&mut text, measurement, ceiling);
    }
    if !report.micro.is_empty() {
        text += "\n| micro | median |\n|---|---|\n";
        for (name, nanoseconds) in &report.micro {
            let _ = writeln!(text, "| {name} | {} |", time(*nanoseconds));
        }
    }
    text
}

/// The best of the raw rates.
fn ceiling(report: &Report) -> Option<f64> {
    let raw = report
        .measurements
        .iter()
        .filter(|measurement| measurement.scenario.contestant == Contestant::Raw);
    raw.map(|measurement| measurement.median.devices_per_second)
        .max_by(f64::total_cmp)
}

fn row(text: &mut String, measurement: &Measurement, ceiling: Option<f64>) {
    let scenario = &measurement.scenario;
    let Run {
        devices_per_second,
        requests,
        writes_per_device,
        cpu_ms_per_device,
        control_plane_cpu_ms_per_device,
        api_server_cpu_ms_per_device,
        peak_memory_mib,
        slot_to_post_p50_ms,
        slot_to_post_p99_ms,
        job_to_pod_p50_ms,
        largest_job_kib,
        load,
        ..
    } = &measurement.median;
    let rest: f64 = requests.values().map(|share| share.rest).sum();
    let _ = writeln!(
        text,
        "| {} | {control_plane_cpu_ms_per_device:.0} | {} | {} | {devices_per_second:.1} | {} | {writes_per_device:.2} | {rest:.1} | {} | {api_server_cpu_ms_per_device:.0} | {} | {}, {} | {} | {largest_job_kib:.0} | {:.1} |",
        scenario.title(),
        scenario.devices,
        scenario.parallelism,
        figure(ceiling.map(|ceiling| devices_per_second / ceiling), 2),
        figure(*cpu_ms_per_device, 1),
        figure(*peak_memory_mib, 0),
        figure(*slot_to_post_p50_ms, 0),
        figure(*slot_to_post_p99_ms, 0),
        figure(*job_to_pod_p50_ms, 0),
        load[1],
    );
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        small if small < 1e3 => format!("{small:.0} ns"),
        small if small < 1e6 => format!("{:.1} µs", small / 1e3),
        large => format!("{:.2} ms", large / 1e6),
    }
}
