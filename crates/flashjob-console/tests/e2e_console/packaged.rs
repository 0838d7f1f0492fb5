//! The console as the operator's chart installs it: what the API server makes of its objects, and the program with the arguments of its
//! Deployment. Pods are kwok's, so the program runs beside them.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testbed::{
    ControlPlane, Space, control_plane::OPERATOR_NAMESPACE, job::job, operator::free_port, seconds,
};

use super::asked::{Console, Person, jobs};

/// Name of everything that the chart makes of the console.
const NAME: &str = "flashjob-console";

/// An object of the operator's namespace.
fn installed(plane: &ControlPlane, kind: &str, name: &str) -> Value {
    let object = plane.kubectl(&["-n", OPERATOR_NAMESPACE, "get", kind, name, "-o", "json"]);
    serde_json::from_str(&object).unwrap()
}

/// Installs the chart into a namespace that admits restricted Pods alone.
fn install(plane: &ControlPlane) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": OPERATOR_NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
    }});
    plane
        .feed(&["apply", "--server-side"], &namespace.to_string())
        .unwrap();
    let server = plane.kubectl(&[
        "config",
        "view",
        "--minify",
        "-o",
        "jsonpath={.clusters[0].cluster.server}",
    ]);
    // The name of the API server that Pods have for it means nothing outside of them.
    let argument = format!("console.args={{--server={server}}}");
    plane.install_operator(&["--set", "console.enable=true", "--set", &argument]);
}

/// The Deployment's Pod, once it is ready.
async fn pod(space: &Space) -> Value {
    let path = format!(
        "/api/v1/namespaces/{OPERATOR_NAMESPACE}/pods?labelSelector=app.kubernetes.io/name%3D{NAME}"
    );
    space
        .eventually("ready Pod of the console", seconds(60), async || {
            let pods = space.control_plane.get(&path)?;
            let pod = &pods["items"][0];
            let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
            ready.then(|| pod.clone())
        })
        .await
}

/// Starts the program as its Pod would: with the Pod's own arguments, but for the address, which is loopback's here, and the folder into
/// which the kubelet would write what the Pod mounts.
fn start(plane: &ControlPlane, pod: &Value) -> Console {
    let folder = plane.directory().join("kube-root-ca");
    std::fs::create_dir_all(&folder).unwrap();
    let [volume] = &pod["spec"]["volumes"].as_array().unwrap()[..] else {
        panic!("more is mounted: {:#}", pod["spec"]["volumes"])
    };
    let source = &volume["configMap"];
    let map = installed(plane, "configmap", source["name"].as_str().unwrap());
    for item in source["items"].as_array().unwrap() {
        let content = map["data"][item["key"].as_str().unwrap()].as_str().unwrap();
        std::fs::write(folder.join(item["path"].as_str().unwrap()), content).unwrap();
    }
    let container = &pod["spec"]["containers"][0];
    let mounted = container["volumeMounts"][0]["mountPath"].as_str().unwrap();
    let port = free_port();
    let arguments = container["args"].as_array().unwrap().iter();
    let arguments = arguments.map(|argument| {
        let argument = argument.as_str().unwrap();
        let argument = argument.replace(mounted, folder.to_str().unwrap());
        argument.replace("0.0.0.0:8085", &format!("127.0.0.1:{port}"))
    });
    let arguments: Vec<_> = arguments.collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    assert_eq!(
        container["command"],
        json!(["/usr/local/bin/flashjob-console"])
    );
    Console::run(plane, port, &arguments)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_console_of_the_chart_has_no_right_and_shows_everybody_what_their_own_token_may_read() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    install(plane);
    let space = Space::on(plane, "console-packaged").await;
    let other = Space::on(plane, "console-elsewhere").await;
    let pod = pod(&space).await;
    let console = start(plane, &pod);
    let user = Person::new(&console, &space, "flashjob-user");
    space.apply(&job("lamps", &[], &json!({})).to_string());

    let listed = user.get(&jobs(&space)).await.is(StatusCode::OK);
    assert_eq!(listed.body["items"][0]["metadata"]["name"], "lamps");
    let said = user.get(&jobs(&other)).await.is(StatusCode::FORBIDDEN);
    assert_eq!(said.body["reason"], "Forbidden");

    let account = format!("--as=system:serviceaccount:{OPERATOR_NAMESPACE}:{NAME}");
    let rights = ["flashjobs.application.flashjob.nbfc.io", "secrets", "pods"];
    for resource in rights {
        let complaint = space.try_kubectl(&["get", resource, &account]).unwrap_err();
        assert!(complaint.contains("cannot list resource"), "{complaint}");
    }
    let service = installed(plane, "service", NAME);
    let labels = &pod["metadata"]["labels"];
    for (name, value) in service["spec"]["selector"].as_object().unwrap() {
        assert_eq!(&labels[name], value, "{name}");
    }
}
