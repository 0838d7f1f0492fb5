//! Tests of loading charts.

use super::documents::is_version;
use super::*;
use flate2::{Compression, write::GzEncoder};
use rstest::rstest;

const CHART: &str = "apiVersion: v2\nname: demo\nversion: 1.2.3\nappVersion: 1.10\n";

fn file(name: &str, data: &str) -> File {
    File {
        name: name.to_owned(),
        data: data.as_bytes().to_vec(),
    }
}

fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, data) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        // Written by hand: the library refuses to write names that leave the directory.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, data.as_bytes()).expect("append");
    }
    builder.into_inner().expect("tar").finish().expect("gzip")
}

#[test]
fn an_archive_and_a_directory_hold_the_same_chart() {
    let directory = tempfile::tempdir().expect("directory");
    for (name, data) in [
        ("Chart.yaml", CHART),
        ("templates/a.yaml", "a"),
        ("values.yaml", "x: 1"),
        ("b.txt", "b"),
    ] {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("create");
        std::fs::write(path, data).expect("write");
    }
    let packed = archive(&[
        ("demo/values.yaml", "x: 1"),
        ("demo/Chart.yaml", CHART),
        ("demo/b.txt", "b"),
        ("demo/templates/a.yaml", "a"),
    ]);
    let chart = Chart::load(directory.path()).expect("directory");
    assert_eq!(
        Chart::from_archive(packed.as_slice()).expect("archive"),
        chart
    );
    assert_eq!(chart.metadata.app_version.as_deref(), Some("1.1"));
    assert_eq!(*chart.templates, [file("templates/a.yaml", "a")]);
    assert_eq!(*chart.files, [file("b.txt", "b")]);
}

#[rstest]
#[case("demo/../../etc/passwd")]
#[case("/etc/passwd")]
#[case("demo//etc/../../x")]
#[case("Chart.yaml")]
#[case("demo/c:/x")]
fn an_archive_that_leaves_its_directory_is_refused(#[case] name: &str) {
    let packed = archive(&[("demo/Chart.yaml", CHART), (name, "x")]);
    assert!(
        matches!(
            Chart::from_archive(packed.as_slice()),
            Err(LoadError::Archive(_))
        ),
        "{name}"
    );
}

#[test]
fn an_archive_with_a_link_is_refused() {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "demo/Chart.yaml", "/etc/passwd")
        .expect("append");
    let packed = builder.into_inner().expect("tar").finish().expect("gzip");
    assert!(matches!(
        Chart::from_archive(packed.as_slice()),
        Err(LoadError::Archive(_))
    ));
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused() {
    let large = "x".repeat(usize::try_from(MAX_CHART_SIZE).expect("fits") + 1);
    let packed = archive(&[("demo/Chart.yaml", CHART), ("demo/big", &large)]);
    assert!(matches!(
        Chart::from_archive(packed.as_slice()),
        Err(LoadError::TooLarge)
    ));
}

#[test]
fn ignored_files_are_left_out_of_a_directory() {
    let directory = tempfile::tempdir().expect("directory");
    for (name, data) in [
        ("Chart.yaml", CHART),
        (".helmignore", "*.bak\nnotes/\n"),
        ("x.bak", ""),
        ("notes/a.txt", ""),
        ("templates/.hidden", ""),
        ("kept.txt", ""),
    ] {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("create");
        std::fs::write(path, data).expect("write");
    }
    let chart = Chart::from_directory(directory.path()).expect("loads");
    let names: Vec<&str> = chart.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, [".helmignore", "kept.txt"]);
    assert!(chart.templates.is_empty());
}

#[rstest]
#[case("version: 1.0.0", "name is missing")]
#[case("name: x", "version is missing")]
#[case("name: a/b\nversion: 1.0.0", "is not a chart name")]
#[case("name: x\nversion: one", "is not a semantic version")]
#[case("name: x\nversion: 1.0.0\napiVersion: v3", "is not v1 or v2")]
#[case("name: x\nversion: 1.0.0\ntype: app", "is not application or library")]
#[case("- list", "the document has to be a map, and not a list")]
#[case(
    "name: x\nversion: 1.0.0\nkeywords: k",
    "keywords has to be a list, and not text"
)]
#[case(
    "name: x\nversion: 1.0.0\nmaintainers: [~]",
    "maintainers must not contain null"
)]
fn a_bad_chart_yaml_is_named(#[case] text: &str, #[case] expected: &str) {
    let error = Chart::from_files(vec![file("Chart.yaml", text)])
        .expect_err("is refused")
        .to_string();
    assert!(
        error.starts_with("Chart.yaml: ") && error.contains(expected),
        "{error}"
    );
}

#[rstest]
#[case("1.2.3-rc.1+b", true)]
#[case("v1.2", true)]
#[case("1", true)]
#[case("1.2.3.4", false)]
#[case("latest", false)]
fn versions_may_be_short(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(is_version(text), expected);
}

#[test]
fn documents_of_a_values_file_are_merged() {
    let files = vec![
        file("Chart.yaml", CHART),
        file("values.yaml", "a: {b: 1, c: 2}\n---\na: {c: 3}\nd: 4\n"),
    ];
    let values = Chart::from_files(files).expect("loads").values;
    assert_eq!(values["a"]["b"].as_f64(), Some(1.0));
    assert_eq!(values["a"]["c"].as_f64(), Some(3.0));
    assert_eq!(values["d"].as_f64(), Some(4.0));
}
