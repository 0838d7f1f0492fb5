//! Links between the pages of this repository lead somewhere.

use std::{
    collections::BTreeSet,
    path::{Component, Path, PathBuf},
};

use regex::Regex;

/// The table of contents of the site.
const CONTENTS: &str = "docs/site/SUMMARY.md";

/// Every page of the repository but what cargo built.
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The text of a page without its code blocks.
fn prose(page: &Path) -> String {
    let text = std::fs::read_to_string(page).unwrap();
    let mut inside = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands behind `#` in a link to a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let shown = Regex::new(r"\[([^\]]*)\]\([^)]*\)")
        .unwrap()
        .replace_all(heading, "$1");
    let kept = shown.trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &Path) -> BTreeSet<String> {
    let prose = prose(page);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

/// Why a link of this page leads nowhere, if it does.
fn broken(page: &Path, link: &str) -> Option<String> {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    // `hack/site.sh` puts the table of contents of the site at the root before it builds.
    let directory = if page.ends_with(CONTENTS) {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    } else {
        page.parent().unwrap()
    };
    let target = if path.is_empty() {
        page.to_owned()
    } else {
        normal(&directory.join(path))
    };
    if !target.exists() {
        return Some(format!("{}: {link}: there is no such file", page.display()));
    }
    let is_page = target
        .extension()
        .is_some_and(|extension| extension == "md");
    let is_missing = !heading.is_empty() && is_page && !anchors(&target).contains(heading);
    is_missing.then(|| format!("{}: {link}: there is no such heading", page.display()))
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading_that_exist() {
    let mut found = Vec::new();
    pages(Path::new(env!("CARGO_MANIFEST_DIR")), &mut found);
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut links = 0;
    let mut dead = Vec::new();
    for page in &found {
        for capture in link.captures_iter(&prose(page)) {
            let link = &capture[1];
            if !link.contains("://") && !link.starts_with("mailto:") {
                links += 1;
                dead.extend(broken(page, link));
            }
        }
    }
    assert!(links > 50, "the pages link to each other: {links}");
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn the_contents_of_the_site_name_every_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contents = std::fs::read_to_string(root.join(CONTENTS)).unwrap();
    let mut found = Vec::new();
    pages(root, &mut found);
    let missing: Vec<_> = found
        .iter()
        .filter(|page| !page.ends_with(CONTENTS))
        .map(|page| page.strip_prefix(root).unwrap().display().to_string())
        .filter(|page| !contents.contains(&format!("]({page})")))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_link_to_what_does_not_exist_is_found() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    for link in [
        "docs/no-such-page.md",
        "#no-such-heading",
        "docs/install.md#no-such-heading",
    ] {
        assert!(broken(&readme, link).is_some(), "{link}");
    }
    assert_eq!(broken(&readme, "docs/install.md#3-addresses"), None);
}
