//! The test suites of Go, of Helm and of Helm's libraries, asked of both programs.
//!
//! `known.txt` lists the known differences, one case a line. A difference that is not there fails the test, and so does a line
//! that no longer differs: the list gets shorter, never longer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::oracle::{Case, Verdict, ask, judge};
use crate::root;

/// Every run judges one in this many cases, and all of them if `FLASHJOB_SUITES` is `all`.
const SAMPLE: usize = 10;

/// How many cases of each suite had each verdict.
type Counts = BTreeMap<String, BTreeMap<Verdict, usize>>;

/// The name of a difference in `known.txt`.
fn name(case: &Case, verdict: Verdict) -> String {
    let mut name = format!("{verdict:?} {} {:?}", case.suite, case.text);
    if !case.values.is_null() {
        name = format!("{name} {}", case.values);
    }
    name.chars().take(400).collect()
}

#[test]
fn the_suites_of_go_and_helm_differ_only_where_it_is_known() {
    let all = std::env::var("FLASHJOB_SUITES").is_ok_and(|which| which == "all");
    let known_file = root().join("parity/known.txt");
    let known_text = fs::read_to_string(&known_file).unwrap_or_default();
    let known: BTreeSet<&str> = known_text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let (mut counts, mut found) = (Counts::new(), BTreeSet::new());
    let mut problems = Vec::new();
    for (index, case) in ask(&["suites"], &[]).iter().enumerate() {
        if case.error == "takes too long" || !all && index % SAMPLE != 0 {
            continue;
        }
        let Some((name, difference)) = differs(case, &mut counts) else {
            continue;
        };
        if !known.contains(name.as_str()) {
            problems.push(format!("{name}\n{difference}"));
        }
        found.insert(name);
    }
    print(&counts);
    if std::env::var_os("FLASHJOB_WRITE").is_some() {
        let lines: Vec<String> = found.into_iter().collect();
        fs::write(&known_file, format!("{}\n", lines.join("\n"))).unwrap();
        return;
    }
    if all {
        let gone = known.iter().filter(|line| !found.contains(**line));
        problems.extend(gone.map(|line| format!("no longer differs, take it out: {line}")));
    }
    assert!(
        problems.is_empty(),
        "{}:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Random changes of texts of the YAML suites, and random schemas. `FLASHJOB_MUTATIONS` holds their number and the seed: `5000:1`.
#[test]
fn yaml_and_schemas_by_chance_are_read_alike() {
    let asked = std::env::var("FLASHJOB_MUTATIONS").unwrap_or_else(|_| "500:1".to_owned());
    let (count, seed) = asked.split_once(':').unwrap_or((&asked, "1"));
    let mut problems = Vec::new();
    let cases = ask(&["mutations", seed, count], &[]);
    let mut counts = Counts::new();
    for case in &cases {
        if let Some((name, difference)) = differs(case, &mut counts) {
            problems.push(format!("{name}\n{difference}"));
        }
    }
    print(&counts);
    assert!(
        problems.is_empty(),
        "{} of {}:\n{}",
        problems.len(),
        cases.len(),
        problems.join("\n")
    );
}

/// Judges a case and counts it. The name of a difference, and both answers; `None` if the native engine is equal or leaves the
/// case to helm.
fn differs(case: &Case, counts: &mut Counts) -> Option<(String, String)> {
    let (verdict, native) = judge(case);
    let suite = counts.entry(case.suite.clone()).or_default();
    *suite.entry(verdict).or_default() += 1;
    if matches!(verdict, Verdict::Equal | Verdict::Refused) {
        return None;
    }
    let helm = match &case.output {
        Some(output) => format!("{output:?}"),
        None => format!("error: {}", case.error),
    };
    let answers = format!("  helm:   {helm}\n  native: {native:?}");
    Some((name(case, verdict), answers))
}

/// The table of `docs/parity.md`.
fn print(counts: &Counts) {
    println!("| suite | cases | equal | refused at load | printed differently | fails | accepts |");
    println!("|---|---|---|---|---|---|---|");
    for (suite, count) in counts {
        let of = |verdict| count.get(&verdict).copied().unwrap_or(0);
        let cases: usize = count.values().sum();
        println!(
            "| {suite} | {cases} | {} | {} | {} | {} | {} |",
            of(Verdict::Equal),
            of(Verdict::Refused),
            of(Verdict::Mismatch),
            of(Verdict::Fails),
            of(Verdict::Accepts)
        );
    }
}
