//! What flashes cost on a node: of Pods by their control groups, of the programs around them by their processes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// How often it looks at the control groups: one that is gone cannot be asked any more.
const PERIOD: Duration = Duration::from_millis(100);

/// What a Pod used by the time that it was last seen.
#[derive(Clone, Copy)]
struct Use {
    first: Instant,
    last: Instant,
    cpu_seconds: f64,
    peak_mib: f64,
}

/// Watches all Pods that start after it, until it is read.
pub struct Meter {
    pods: Arc<Mutex<BTreeMap<PathBuf, Use>>>,
    is_over: Arc<AtomicBool>,
    watching: JoinHandle<()>,
    begin: Instant,
    programs: Vec<(String, u32, f64)>,
}

impl Meter {
    /// Begins, with these programs by name and process.
    pub fn start(programs: &[(&str, u32)]) -> Self {
        let (pods, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let watching = std::thread::spawn({
            let (pods, is_over) = (Arc::clone(&pods), Arc::clone(&is_over));
            let before = groups();
            move || watch(&before, &pods, &is_over)
        });
        let of = |(name, pid): &(&str, u32)| ((*name).to_owned(), *pid, cpu_seconds(*pid));
        Self {
            pods,
            is_over,
            watching,
            begin: Instant::now(),
            programs: programs.iter().map(of).collect(),
        }
    }

    /// Ends, and gives rows of a table: what, and how much of it.
    pub fn rows(self) -> Vec<(String, String)> {
        self.is_over.store(true, Ordering::Relaxed);
        self.watching.join().unwrap();
        let pods: Vec<_> = self.pods.lock().unwrap().values().copied().collect();
        let list = |of: fn(&Use) -> f64| sorted(pods.iter().map(of));
        let lives = list(|pod| pod.last.duration_since(pod.first).as_secs_f64());
        let (cpu, memory) = (list(|pod| pod.cpu_seconds), list(|pod| pod.peak_mib));
        let mut rows = vec![
            (
                "seconds in all".to_owned(),
                format!("{:.0}", self.begin.elapsed().as_secs_f64()),
            ),
            (
                format!("seconds of a flash Pod ({}): median, longest", pods.len()),
                format!("{:.1}, {:.1}", median(&lives), largest(&lives)),
            ),
            (
                "CPU seconds of a flash Pod: median, most".to_owned(),
                format!("{:.2}, {:.2}", median(&cpu), largest(&cpu)),
            ),
            (
                "peak MiB of a flash Pod: median, most".to_owned(),
                format!("{:.1}, {:.1}", median(&memory), largest(&memory)),
            ),
        ];
        rows.extend(self.programs.iter().map(|(name, pid, before)| {
            let cpu = cpu_seconds(*pid) - before;
            let memory = peak_mib(*pid);
            (
                format!("CPU seconds, peak MiB of {name}"),
                format!("{cpu:.1}, {memory:.0}"),
            )
        }));
        rows
    }
}

fn watch(before: &[PathBuf], pods: &Mutex<BTreeMap<PathBuf, Use>>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        for group in groups().into_iter().filter(|group| !before.contains(group)) {
            let Some((cpu_seconds, peak_mib)) = measure(&group) else {
                continue;
            };
            let now = Instant::now();
            let mut pods = pods.lock().unwrap();
            let known = pods.get(&group).copied();
            let pod = Use {
                first: known.map_or(now, |known| known.first),
                last: now,
                cpu_seconds,
                peak_mib,
            };
            pods.insert(group, pod);
        }
        std::thread::sleep(PERIOD);
    }
}

/// Control groups of Pods, in the tree that counts memory.
fn groups() -> Vec<PathBuf> {
    let enclosed = std::env::var("FLASHJOB_ENCLOSED").unwrap();
    let of_pods = Path::new("/sys/fs/cgroup/memory")
        .join(enclosed)
        .join("kubepods");
    let classes = [
        of_pods.clone(),
        of_pods.join("burstable"),
        of_pods.join("besteffort"),
    ];
    let folders = classes
        .iter()
        .filter_map(|class| std::fs::read_dir(class).ok());
    let paths = folders.flat_map(|folder| folder.flatten().map(|entry| entry.path()));
    let is_pod = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("pod"))
    };
    paths.filter(is_pod).collect()
}

/// CPU seconds and the most memory in MiB of a Pod so far; none when it has just gone.
fn measure(group: &Path) -> Option<(f64, f64)> {
    let number =
        |file: PathBuf| -> Option<f64> { std::fs::read_to_string(file).ok()?.trim().parse().ok() };
    let below = group.strip_prefix("/sys/fs/cgroup/memory").ok()?;
    let nanoseconds = number(
        Path::new("/sys/fs/cgroup/cpuacct")
            .join(below)
            .join("cpuacct.usage"),
    )?;
    let bytes = number(group.join("memory.max_usage_in_bytes"))?;
    Some((nanoseconds / 1e9, bytes / 1024.0 / 1024.0))
}

/// CPU seconds of a process and of those that it started and that have ended.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    // utime, stime, cutime, cstime, in hundredths.
    let ticks = fields.split(' ').skip(11).take(4);
    ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// Most memory that a process had in use, in MiB.
fn peak_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn largest(sorted: &[f64]) -> f64 {
    sorted.last().copied().unwrap_or(f64::NAN)
}
