//! What a job would do before anybody creates it, and what was done: to people who may read more or less of it.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testbed::{Asking, ImageRegistry, Params, Space, healthy, job::job, seconds};

use super::asked::{Console, Person, editor_of_devices, jobs};

/// The same without the messages of devices, which have times in them.
fn timeless(plan: &Value) -> Value {
    let mut plan = plan.clone();
    let devices = plan["devices"].as_array_mut().into_iter().flatten();
    for device in devices {
        let message = device.as_object_mut().unwrap().remove("message");
        assert_eq!(message.is_some(), device["fate"] != "Flashed", "{device}");
    }
    plan
}

/// Parts of a plan that its reader could not see.
fn unseen(plan: &Value) -> Vec<&str> {
    let parts = plan["notSeen"].as_array().into_iter().flatten();
    parts.map(|one| one["part"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_the_plugin_says_to_each_person_and_creates_nothing() {
    let space = Space::new("console-plans").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let console = Console::start(space.control_plane);
    let registry = ImageRegistry::start(space.control_plane);
    let image = registry.push("thermo", "1.2.0", 1, &["esp32s3"]);
    let [all, user, viewer] = Asking::three(&space);
    let class = format!("plans-{}", space.name);
    space.put_class(&class, &json!({"maxParallelism": 2}));
    let path = format!("/api/v1/namespaces/{}/plan", space.name);
    let mut planned = job(
        "thermo",
        &fleet.uuids(),
        &json!({"parallelism": 5, "flashClassName": class, "steps": [{"name": "canary", "devices": 1, "soakSeconds": 60}]}),
    );
    planned["spec"]["firmware"] = json!(registry.reference("thermo", "1.2.0"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), planned.to_string()).unwrap();
    let file = file.path().to_str().unwrap();

    for asking in [&all, &user, &viewer] {
        let person = Person::of(&console, asking);
        let said = person.post(&path, &planned).await.is(StatusCode::OK).body;
        // None of them may create jobs: the registry is not asked for them.
        let (plugin, code) = asking.plan(&["-f", file, "--no-registry"]);
        let (said, plugin) = (timeless(&said), timeless(&plugin));
        for field in [
            "devices",
            "steps",
            "failures",
            "duration",
            "classes",
            "effective",
            "exists",
            "refusal",
            "waits",
            "image",
        ] {
            assert_eq!(said[field], plugin[field], "{field} for {}", asking.account);
        }
        assert_eq!(unseen(&said), unseen(&plugin), "{}", asking.account);
        let answer = match code {
            0 => "WouldRun",
            1 => "CannotTell",
            _ => "Refused",
        };
        assert_eq!(said["answer"], answer, "{said:#}");
        assert_eq!(said["mayCreate"], false);
        // Reviews of rights are stored nowhere.
        let audit = space.control_plane.audit();
        let of_person = audit
            .0
            .iter()
            .filter(|asked| asked.credential == asking.credential);
        let written: Vec<_> = of_person
            .filter(|asked| asked.is_write() && asked.resource != "selfsubjectaccessreviews")
            .collect();
        assert!(written.is_empty(), "{written:#?}");
    }
    let viewer = Person::of(&console, &viewer);
    let said = viewer.post(&path, &planned).await.body;
    assert!(unseen(&said).contains(&"instances"), "{said:#}");

    // Who may create jobs is told what the registry serves.
    let editor = editor_of_devices(&space);
    let cluster_wide = format!("classes-{}", space.name);
    editor.bind_as(
        &cluster_wide,
        "clusterrolebinding",
        "--clusterrole=flashclass-viewer",
        "default",
    );
    let editor = Person::of(&console, &editor);
    let said = editor.post(&path, &planned).await.is(StatusCode::OK).body;
    assert_eq!(said["mayCreate"], true);
    assert_eq!(said["image"]["digest"], image.digest, "{said:#}");
    assert_eq!(said["image"]["platforms"], json!(["esp32s3"]));
    assert_eq!(said["steps"][0]["devices"], 1);
    assert_eq!(said["effective"]["parallelism"], 2);
    let silently = format!("{path}?registry=false");
    let silent = editor.post(&silently, &planned).await;
    assert_eq!(silent.is(StatusCode::OK).body["image"], Value::Null);

    // What the API server would refuse, and what a class does.
    let mut wrong = planned.clone();
    wrong["spec"]["frimware"] = json!("x");
    let said = editor.post(&path, &wrong).await;
    let said = said.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(said.body["causes"][0]["field"], "spec.frimware", "{said:?}");
    space.put_class(
        &class,
        &json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchLabels": {"nobody": "has-this"}}}}),
    );
    let said = editor.post(&path, &planned).await.is(StatusCode::OK).body;
    assert_eq!(said["answer"], "Refused", "{said:#}");
    assert_eq!(said["refusal"]["reason"], "NamespaceNotAllowed");
    assert!(space.find_job("thermo").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_list_secrets_has_no_releases_and_is_told_so_in_a_history() {
    let space = Space::new("console-tells").await;
    let fleet = space
        .fleet(Params {
            devices: 3,
            flash_seconds: 0.5,
            exit1_share: 0.7,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let user = Person::new(&console, &space, "flashjob-user");
    let keeper = Asking::ordinary(&space, "flashjob-editor");
    for role in ["flashjob-user", "edit"] {
        let given = format!("--clusterrole={role}");
        keeper.bind_as(&format!("has-{role}"), "rolebinding", &given, &space.name);
    }
    let keeper = Person::of(&console, &keeper);
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("lamps", &fleet.uuids(), &json!({})).to_string());
    let seen = space.finished("lamps", 120).await;
    let failed = seen.indexes("failedIndexes");
    let failed: Vec<_> = failed.into_iter().collect();
    assert!(failed.len() > 1, "{failed:?}");
    // The release of a device that succeeded goes after the verdict is stored.
    space
        .eventually("end of what succeeded", seconds(60), async || {
            space.is_at_rest().then_some(())
        })
        .await;

    let releases = format!("/api/v1/namespaces/{}/releases", space.name);
    for person in [&viewer, &user] {
        let said = person.get(&releases).await.is(StatusCode::FORBIDDEN);
        assert!(
            said.detail().contains("cannot list resource \"secrets\""),
            "{said:?}"
        );
    }
    let all = keeper.get(&releases).await.is(StatusCode::OK).body;
    let rows = all["items"].as_array().unwrap();
    assert_eq!(rows.len(), failed.len(), "{all:#}");
    assert!(
        rows.iter()
            .all(|row| row["status"] == "failed" && row["job"] == "lamps"),
        "{all:#}"
    );
    let first = keeper.get(&format!("{releases}?limit=1")).await.body;
    assert_eq!(first["items"], json!([rows[0]]));
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = keeper
        .get(&format!("{releases}?limit=1&continue={token}"))
        .await
        .body;
    assert_eq!(second["items"], json!([rows[1]]));
    let none = keeper.get(&format!("{releases}?limit=0")).await;
    none.is(StatusCode::BAD_REQUEST);

    let history = format!("{}/lamps/history", jobs(&space));
    let told = keeper.get(&history).await.is(StatusCode::OK).body;
    assert_eq!(told["rounds"][0]["failed"], json!(failed.len()), "{told:#}");
    assert_eq!(told["attempts"].as_array().unwrap().len(), failed.len());
    assert_eq!(told["notSeen"], json!([]));
    let told = viewer.get(&history).await.is(StatusCode::OK).body;
    assert_eq!(told["rounds"][0]["number"], 1);
    assert_eq!(told["attempts"], json!([]));
    let not_seen = told["notSeen"].to_string();
    assert!(not_seen.contains("you may not list secrets"), "{told:#}");

    let of_device = format!("{}/lamps/devices/{}/history", jobs(&space), failed[0]);
    let told = keeper.get(&of_device).await.is(StatusCode::OK).body;
    assert_eq!(told["device"], fleet.uuids()[failed[0]], "{told:#}");
    assert_eq!(told["verdicts"][0]["phase"], "Failed");
    assert_eq!(told["attempts"][0]["uuid"], told["device"]);
    let told = user.get(&of_device).await.is(StatusCode::OK).body;
    assert_eq!(told["verdicts"][0]["job"], "lamps");
    assert!(told["notSeen"].to_string().contains("secrets"), "{told:#}");
    let nobody = format!("{}/lamps/devices/99/history", jobs(&space));
    user.get(&nobody).await.is(StatusCode::NOT_FOUND);
}
