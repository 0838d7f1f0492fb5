//! Questions to the API server in process: tests ask again and again, and a kubectl for each would keep a processor busy.

use std::sync::{OnceLock, mpsc};

use serde_json::Value;
use tokio::runtime::Runtime;

use super::{ControlPlane, Space};

/// Threads of their own: a test that waits for a command must hold up neither the simulated devices nor an answer.
pub fn background() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap()
    })
}

impl ControlPlane {
    /// GET of a path, as administrator: nothing where there is nothing; a panic with the complaint where it is refused.
    pub fn get(&'static self, path: &str) -> Option<Value> {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let (sender, receiver) = mpsc::channel();
        background().spawn(async move {
            let client = if let Some(client) = self.asker.get() {
                client
            } else {
                let client = self.client("admin").await;
                self.asker.get_or_init(|| client)
            };
            sender.send(client.request::<Value>(request).await)
        });
        match receiver.recv().unwrap() {
            Ok(answer) => Some(answer),
            Err(kube::Error::Api(status)) if status.code == 404 => None,
            Err(error) => panic!("GET {path}: {error}"),
        }
    }
}

impl Space {
    /// A FlashJob as it is now, if it is there.
    pub fn find_job(&self, name: &str) -> Option<Value> {
        self.control_plane.get(&format!(
            "/apis/application.flashjob.nbfc.io/v1alpha1/namespaces/{}/flashjobs/{name}",
            self.name
        ))
    }

    /// All objects of a kind in this namespace, such as `api/v1` and `pods`: plural and name.
    pub fn names(&self, group: &str, plural: &str) -> Vec<String> {
        let path = format!("/{group}/namespaces/{}/{plural}", self.name);
        let list = self.control_plane.get(&path).unwrap_or_default();
        let items = list["items"].as_array().into_iter().flatten();
        items
            .map(|item| format!("{plural}/{}", item["metadata"]["name"].as_str().unwrap()))
            .collect()
    }
}
