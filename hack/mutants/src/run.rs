//! Asks each test which mutants it reaches, and runs for each mutant the tests that reach it.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    build::{Built, Program},
    mutant::Mutant,
};

/// What became of a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A test failed, or did not end.
    Caught,
    /// Every test that reaches it passed.
    Missed,
    /// No test reaches it.
    Unreached,
}

/// What runs for minutes and notices most changes without saying which rule they break.
const LEFT_OUT: &str = "simulation::";
/// A test that takes longer is left out: each mutant that nothing else notices would wait for it.
const LONGEST: Duration = Duration::from_secs(30);
/// What a mutant's tests may take beside several times what they took without it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long tests that are run at once take without a mutant, the quickest first: most mutants fail one of the first few.
const BATCHES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::MAX,
];

/// A test that passes without any mutant.
struct Test<'b> {
    program: &'b Program,
    name: String,
    took: Duration,
}

/// Tries every mutant that can be switched on.
pub fn run(built: &Built, mutants: &[Mutant]) -> Result<BTreeMap<usize, Verdict>> {
    let mut reaching: BTreeMap<usize, Vec<Test>> = BTreeMap::new();
    for program in &built.programs {
        let names = tests(program)?;
        println!("{}: {} tests", program.name, names.len());
        let reached = parallel(&names, |number, name| trace(built, program, number, name))?;
        for (name, reached) in names.iter().zip(reached) {
            let Some((took, switches)) = reached else {
                println!(
                    "{}: {name} fails without any mutant, or takes too long, and is left out",
                    program.name
                );
                continue;
            };
            for switch in switches {
                let name = name.clone();
                let test = Test {
                    program,
                    name,
                    took,
                };
                reaching.entry(switch).or_default().push(test);
            }
        }
    }
    for tests in reaching.values_mut() {
        tests.sort_by_key(|test| test.took);
    }
    let numbers: Vec<_> = built.live.iter().copied().collect();
    let verdicts = parallel(&numbers, |done, &number| {
        if done > 0 && done % 500 == 0 {
            println!(
                "{done} of {} mutants, now {}",
                numbers.len(),
                mutants[number].name
            );
        }
        reaching
            .get(&number)
            .map_or(Ok(Verdict::Unreached), |tests| try_one(tests, number))
    })?;
    Ok(numbers.into_iter().zip(verdicts).collect())
}

/// Does the work for each item, as many at a time as there are cores; the results are in the order of the items.
fn parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(usize, &T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let one = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(number) else {
                return;
            };
            let result = work(number, item);
            if let Ok(mut results) = results.lock() {
                results.push((number, result));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(one);
        }
    });
    let mut results = results
        .into_inner()
        .map_err(|_| anyhow::anyhow!("a thread panicked"))?;
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn tests(program: &Program) -> Result<Vec<String>> {
    let list = |more: &[&str]| -> Result<Vec<String>> {
        let output = command(program)
            .args(["--list", "--format", "terse"])
            .args(more)
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        Ok(text
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect())
    };
    let ignored = list(&["--ignored"])?;
    let wanted = |name: &String| !name.starts_with(LEFT_OUT) && !ignored.contains(name);
    Ok(list(&[])?.into_iter().filter(wanted).collect())
}

/// How long a test takes and what it reaches; nothing where it does not pass.
fn trace(
    built: &Built,
    program: &Program,
    number: usize,
    name: &str,
) -> Result<Option<(Duration, Vec<usize>)>> {
    let file: PathBuf = built.scratch.join(format!("reached-{number}"));
    let _ = fs::remove_file(&file);
    let begun = Instant::now();
    let mut command = command(program);
    command.env("MUTANTS_REACHED", &file);
    if !passes(command, &[name], LONGEST)? {
        return Ok(None);
    }
    let took = begun.elapsed();
    // A test that reaches no mutant writes no file.
    let text = fs::read_to_string(&file).unwrap_or_default();
    let switches = text.lines().map(str::parse).collect::<Result<_, _>>();
    Ok(Some((
        took,
        switches.context("read which mutants a test reaches")?,
    )))
}

fn try_one(tests: &[Test], number: usize) -> Result<Verdict> {
    let mut left = tests;
    for most in BATCHES {
        let mut all = Duration::ZERO;
        let fits = left.iter().take_while(|test| {
            all += test.took;
            all <= most
        });
        // One test may take longer than the batch that it is in.
        let (batch, rest) = left.split_at(fits.count().max(1).min(left.len()));
        left = rest;
        let mut by_program: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
        for test in batch {
            by_program.entry(&test.program.name).or_default().push(test);
        }
        for tests in by_program.values() {
            let usual: Duration = tests.iter().map(|test| test.took).sum();
            let names: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
            let mut command = command(tests[0].program);
            command.env("MUTANT", number.to_string());
            if !passes(command, &names, PATIENCE + usual * 8)? {
                return Ok(Verdict::Caught);
            }
        }
    }
    Ok(Verdict::Missed)
}

fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.path);
    // Snapshots that differ are failures, and are not written.
    command
        .current_dir(&program.package)
        .env("CARGO_MANIFEST_DIR", &program.package)
        .env("INSTA_UPDATE", "no")
        .env("RUST_BACKTRACE", "0");
    command
}

/// Whether these tests all pass within the limit.
fn passes(mut command: Command, names: &[&str], limit: Duration) -> Result<bool> {
    let child = command.arg("--exact").args(names).arg("--test-threads=1");
    let mut child = child
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status.success());
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            return Ok(false);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
