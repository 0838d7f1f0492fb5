//! Writes what people look up and nobody should have to keep up to date by hand: `docs/api.md` from `crds/`, and the tables of values
//! of the charts from their `values.yaml`. For `make generate`.
//!   usage: `reference [ROOT]`     (default: the directory it runs in)

mod api;
mod table;
mod values;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

type Failure = Box<dyn Error>;

/// Charts, and the pages with their tables. The README of the flash chart is in every release record: its table is elsewhere.
const CHARTS: [(&str, &str); 2] = [
    ("flashjob-operator", "charts/flashjob-operator/README.md"),
    ("flash-pod", "docs/flash-pod-values.md"),
];
const CRDS: [&str; 2] = ["flashjobs", "flashclasses"];

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

fn of(path: &Path, error: &str) -> Failure {
    format!("{}: {error}", path.display()).into()
}

/// Every generated page with its text.
fn pages(root: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut pages = Vec::new();
    let mut kinds = Vec::new();
    for plural in CRDS {
        let path = root.join(format!("crds/{plural}.application.flashjob.nbfc.io.yaml"));
        let kind = serde_saphyr::from_str(&read(&path)?);
        kinds.push(kind.map_err(|error| of(&path, &error.to_string()))?);
    }
    pages.push((root.join("docs/api.md"), api::page(&kinds)));
    for (chart, page) in CHARTS {
        let (file, page) = (
            root.join("charts").join(chart).join("values.yaml"),
            root.join(page),
        );
        let table = values::table(&read(&file)?).map_err(|error| of(&file, &error))?;
        let text = values::put(&read(&page)?, &table).map_err(|error| of(&page, &error))?;
        pages.push((page, text));
    }
    Ok(pages)
}

fn write(root: &Path) -> Result<(), Failure> {
    for (path, text) in pages(root)? {
        fs::write(&path, text).map_err(|error| of(&path, &error.to_string()))?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    match write(Path::new(&root)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reference: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_this_repository_are_those_that_are_made_from_its_crds_and_charts() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (path, text) in pages(&root).unwrap() {
            let is_current = read(&path).unwrap() == text;
            assert!(is_current, "{}: run make generate", path.display());
        }
    }
}
