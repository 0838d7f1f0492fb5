//! What the documents show works as it stands: every YAML block, and the commands that only look.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use flashjob_operator::{
    api::{FlashClass, FlashJob, Guarded},
    flashclass::Class,
    flashjob::{spec::job::Job, verdict::Markers},
};
use rstest::rstest;
use serde_json::{Value, json};

use testbed::{Params, Space, control_plane::answer, job::job};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const GROUP: &str = "application.flashjob.nbfc.io/v1alpha1";

/// Every page for people.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let mut pages: Vec<PathBuf> = ["README.md", "SECURITY.md", "deploy/README.md"]
        .iter()
        .map(|page| root.join(page))
        .collect();
    for directory in ["docs", "charts/flash-pod", "charts/flashjob-operator"] {
        let files = std::fs::read_dir(root.join(directory)).unwrap();
        let files = files.map(|file| file.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    pages.sort();
    pages
}

/// The code blocks of a page in one of these languages, each with its place.
fn blocks(page: &Path, languages: &[&str]) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(page).unwrap();
    let (mut blocks, mut open): (Vec<(String, String)>, Option<bool>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), open) {
            (Some(_), Some(_)) => open = None,
            (Some(language), None) => {
                let wanted = languages.contains(&language);
                if wanted {
                    let place = format!("{}:{}", page.display(), number + 1);
                    blocks.push((place, String::new()));
                }
                open = Some(wanted);
            }
            (None, Some(true)) => {
                let block = &mut blocks.last_mut().unwrap().1;
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// The documents of a YAML block.
fn documents(block: &str) -> Vec<Value> {
    let parts = block.split("\n---\n").map(serde_saphyr::from_str);
    parts.collect::<Result<_, _>>().unwrap()
}

/// The object of this kind that a piece of YAML is a part of: it may begin at `spec`, or inside it.
fn completed(kind: &str, piece: &Value) -> Value {
    let mut spec = match kind {
        "FlashJob" => {
            json!({"uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"], "firmware": "registry.example.com/a:1", "version": "1"})
        }
        _ => json!({}),
    };
    let fields = piece.get("spec").unwrap_or(piece);
    for (name, value) in fields.as_object().into_iter().flatten() {
        spec[name] = value.clone();
    }
    json!({"apiVersion": GROUP, "kind": kind, "metadata": {"name": "piece"}, "spec": spec})
}

/// What the API server says of an object that it would create.
fn admitted(space: &Space, object: &Value) -> Result<(), String> {
    let mut object = object.clone();
    if object["metadata"]["namespace"].is_string() {
        object["metadata"]["namespace"] = json!(space.name);
    }
    let arguments = ["create", "--dry-run=server", "--validate=strict"];
    let arguments = [&["-n", &space.name], &arguments[..]].concat();
    let answer = space.control_plane.feed(&arguments, &object.to_string());
    answer.map(|_| ())
}

/// What the operator says of a FlashJob or FlashClass by its own rules.
fn obeys(object: &Value) -> Result<(), String> {
    let mut object = object.clone();
    object["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000001");
    object["metadata"]["resourceVersion"] = json!("1");
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    let read = |error: serde_json::Error| error.to_string();
    if object["kind"] == "FlashJob" {
        object["metadata"]["namespace"] = json!("lab");
        let guard: Guarded<FlashJob> = serde_json::from_value(object).map_err(read)?;
        let job = Job::parse(&guard).ok_or("it has no name")?;
        job.spec?;
        return job.invalid.map_or(Ok(()), Err);
    }
    let guard: Guarded<FlashClass> = serde_json::from_value(object).map_err(read)?;
    Class::parse(&guard).ok_or("it has no name")?.rules?;
    Ok(())
}

/// What is wrong with values of a chart.
fn fits(space: &Space, chart: &str, values: &Value) -> Result<(), String> {
    let file = space
        .control_plane
        .directory()
        .join(format!("{}.values", space.name));
    std::fs::write(&file, values.to_string()).unwrap();
    let mut helm = space.control_plane.command("helm");
    helm.args(["template", "shown", chart, "-f"]).arg(&file);
    let output = helm
        .current_dir(Path::new(ROOT).join("charts"))
        .output()
        .unwrap();
    answer(&output).map(|_| ())
}

/// API groups of programs that are not on the tests' control plane: their objects are only read.
const OTHER_PROGRAMS: [&str; 3] = ["metallb.io/", "argoproj.io/", "toolkit.fluxcd.io/"];

/// What is wrong with one document, whatever it is.
fn judge(space: &Space, document: &Value) -> Result<(), String> {
    let has = |key: &str| document.get(key).is_some();
    let group = document["apiVersion"].as_str().unwrap_or_default();
    if OTHER_PROGRAMS.iter().any(|other| group.contains(other)) {
        let named = document["kind"].is_string() && document["metadata"]["name"].is_string();
        return named
            .then_some(())
            .ok_or("it has no kind or no name".to_owned());
    }
    if has("apiVersion") {
        admitted(space, document)?;
        return if document["apiVersion"] == GROUP {
            obeys(document)
        } else {
            Ok(())
        };
    }
    if has("flashPod") || has("console") {
        return fits(space, "flashjob-operator", document);
    }
    if has("verified") {
        let markers = serde_json::from_value::<Markers>(document.clone());
        return markers.map(|_| ()).map_err(|error| error.to_string());
    }
    if has("firmware") && has("device") {
        return fits(space, "flash-pod", document);
    }
    let mut complaints = String::new();
    for kind in ["FlashJob", "FlashClass"] {
        let object = completed(kind, document);
        match admitted(space, &object).and_then(|()| obeys(&object)) {
            Ok(()) => return Ok(()),
            Err(complaint) => complaints.push_str(&complaint),
        }
    }
    Err(complaints)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_yaml_of_the_documents_is_accepted_by_admission_charts_and_the_operators_own_rules() {
    let space = Space::new("documents").await;
    space.control_plane.operator_kubeconfig(); // The chart, with its CRDs and classes.
    let mut judged = 0;
    for page in pages() {
        for (place, block) in blocks(&page, &["yaml"]) {
            for document in documents(&block) {
                let verdict = judge(&space, &document);
                assert_eq!(verdict, Ok(()), "{place}: {document:#}");
                judged += 1;
            }
        }
    }
    assert!(judged >= 15, "only {judged} documents were found");
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_of_a_chart_of_your_own_flashes_a_device(#[case] engine: &str) {
    let space = Space::new("own-chart").await;
    let fleet = space.healthy(1, 1.0).await;
    let chart = Path::new(ROOT).join("deploy/samples/own-chart");
    let chart = chart.to_str().unwrap();
    let _operator = space.operator(&["--engine", engine, "--flash-pod-chart", chart]);
    space.apply(&job("own", &fleet.uuids(), &Value::Null).to_string());
    let ended = space.finished("own", 90).await;
    assert!(ended.is("Complete"), "{:#}", ended.0["status"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_flashjob_of_the_readme_and_the_commands_that_look_at_it_work_on_a_default_installation()
 {
    let space = Space::new("readme").await;
    let fleet = space
        .fleet(Params {
            devices: 2,
            ..Params::default()
        })
        .await;
    let _operator = space.operator(&[]);
    let readme = Path::new(ROOT).join("README.md");
    let (place, block) = &blocks(&readme, &["yaml"])[0];
    let mut job = documents(block).remove(0);
    assert_eq!(job["kind"], "FlashJob", "{place}");
    let name = job["metadata"]["name"].as_str().unwrap().to_owned();
    // Devices have the UUIDs that Kubernetes gave them.
    job["metadata"]["namespace"] = json!(space.name);
    job["spec"]["uuid"] = json!(fleet.uuids());
    space.apply(&job.to_string());
    let ended = space.finished(&name, 90).await;
    assert!(ended.is("Complete"), "{:#}", ended.0["status"]);

    let mut run = 0;
    for (place, block) in blocks(&readme, &["sh", "console"]) {
        for line in block.lines() {
            let line = line.trim_start_matches("$ ");
            let looks = [
                "kubectl get ",
                "kubectl explain ",
                "kubectl wait ",
                "kubectl events ",
                "helm list ",
            ];
            if !looks.iter().any(|command| line.starts_with(command)) {
                continue;
            }
            let line = line.replace("-n fleet", &format!("-n {}", space.name));
            let tools = space.control_plane.command("kubectl");
            let mut shell = Command::new("sh");
            shell.envs(
                tools
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            );
            let output = shell.args(["-c", &line]).output().unwrap();
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{place}: {line}\n{complaint}");
            run += 1;
        }
    }
    assert!(run >= 6, "only {run} commands were found");
}
