//! What a process costs, as the kernel counts it.

/// CPU seconds of a process and of those that it started and that have ended.
pub fn cpu_seconds(pid: u32) -> f64 {
    // utime, stime, cutime, cstime.
    ticks(&format!("/proc/{pid}/stat"), 0, 4)
}

/// CPU seconds of the processes that this one started and that have ended.
pub fn cpu_seconds_of_children() -> f64 {
    // cutime, cstime.
    ticks("/proc/self/stat", 2, 2)
}

/// CPU seconds of the thread that asks.
pub fn cpu_seconds_of_this_thread() -> f64 {
    // utime, stime.
    ticks("/proc/thread-self/stat", 0, 2)
}

/// Seconds that so many of the times in a `stat` file come to, from the first one on; they are in hundredths.
fn ticks(path: &str, first: usize, times: usize) -> f64 {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11 + first).take(times);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Most memory that a process had in use, in MiB.
pub fn peak_memory_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
