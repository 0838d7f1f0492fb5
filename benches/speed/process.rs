//! What a process costs, as the kernel counts it.

/// Programs of a control plane, with the simulated node.
const CONTROL_PLANE: [&str; 5] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
];

/// CPU seconds of a process and of those that it started and that have ended.
pub fn cpu_seconds(pid: u32) -> f64 {
    // utime, stime, cutime, cstime.
    ticks(&format!("/proc/{pid}/stat"), 4)
}

/// CPU seconds of the thread that asks.
pub fn cpu_seconds_of_this_thread() -> f64 {
    ticks("/proc/thread-self/stat", 2)
}

/// Seconds that the first of the times in a `stat` file come to; they are in hundredths.
fn ticks(path: &str, times: usize) -> f64 {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields.split(' ').skip(11).take(times);
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

/// CPU seconds of all programs of the control plane in this directory.
pub fn cpu_seconds_of_control_plane(directory: &std::path::Path) -> f64 {
    let pids = std::fs::read_to_string(directory.join("pids")).unwrap();
    let programs = pids.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let is_its = CONTROL_PLANE.contains(&fields.next()?);
        fields.next()?.parse().ok().filter(|_| is_its)
    });
    programs.map(cpu_seconds).sum()
}

/// The process of a program of the control plane in this directory.
pub fn of_control_plane(directory: &std::path::Path, program: &str) -> u32 {
    let pids = std::fs::read_to_string(directory.join("pids")).unwrap();
    let line = pids
        .lines()
        .filter_map(|line| line.strip_prefix(program))
        .find_map(|rest| rest.trim().split(' ').next()?.parse().ok());
    line.unwrap_or_else(|| panic!("no {program} runs"))
}
