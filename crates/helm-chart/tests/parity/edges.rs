//! Small charts, one for each kind of edge at which the two programs once differed. Both render it alike, or the native engine refuses
//! to load it, with the words in `refused.txt` of its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::oracle::{Case, Native, Verdict, ask, judge};
use crate::{root, sorted};

fn files(folder: &Path, prefix: &str, into: &mut BTreeMap<String, String>) {
    for path in sorted(folder) {
        let name = format!("{prefix}{}", path.file_name().unwrap().to_string_lossy());
        if path.is_dir() {
            files(&path, &format!("{name}/"), into);
        } else {
            into.insert(name, fs::read_to_string(path).unwrap());
        }
    }
}

fn case(folder: &Path) -> Case {
    let mut case = Case {
        op: "chart".to_owned(),
        ..Case::default()
    };
    files(&folder.join("c"), "", &mut case.files);
    case.user
        .extend(fs::read_to_string(folder.join("user.yaml")));
    case
}

#[test]
fn at_every_known_edge_the_native_engine_is_equal_or_has_refused_the_chart() {
    let folders = sorted(&root().join("edges"));
    let cases: Vec<Case> = folders.iter().map(|folder| case(folder)).collect();
    let mut problems = Vec::new();
    for (folder, case) in folders.iter().zip(ask(&["answer"], &cases)) {
        let (verdict, native) = judge(&case);
        let refused = fs::read_to_string(folder.join("refused.txt")).ok();
        let as_said = match (&refused, &native) {
            (None, _) => verdict == Verdict::Equal,
            (Some(words), Native::Refused(said)) => said.contains(words.trim()),
            (Some(_), _) => false,
        };
        if !as_said {
            let helm = case.output.ok_or(case.error);
            problems.push(format!(
                "{}: {verdict:?}\n  helm:   {helm:?}\n  native: {native:?}",
                folder.display()
            ));
        }
    }
    assert!(folders.len() > 25, "only {} edges", folders.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
