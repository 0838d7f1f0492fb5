//! Akri's part: it asks devices for `/info`, and keeps an Instance for each that answers.

use std::{net::Ipv4Addr, time::Duration};

use kube::{Client, ResourceExt};
use serde_json::Value;

use super::board::get;
use crate::{
    Outcome, Params,
    ask::background,
    fleet::{
        akri::{self, Instance, Reading},
        device::Device,
    },
};

/// Runs until it is dropped.
pub struct Discovery {
    task: tokio::task::JoinHandle<()>,
}

impl Discovery {
    /// Of these devices, into that namespace.
    pub async fn start(client: Client, namespace: &str, boards: Vec<Ipv4Addr>) -> Self {
        akri::install(&client).await.unwrap();
        let params = Params {
            namespace: namespace.to_owned(),
            ..Params::default()
        };
        let task = background().spawn(async move {
            let all = boards.into_iter();
            futures::future::join_all(all.map(|board| watch(&client, &params, board))).await;
        });
        Self { task }
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One that answers has an Instance; one that does not answer any more, or answers something else, gets a new one later.
async fn watch(client: &Client, params: &Params, board: Ipv4Addr) {
    let device = Device {
        endpoint: board.to_string(),
        outcome: Outcome::Sent,
    };
    let (mut found, mut times): (Option<(Value, Instance)>, u32) = (None, 0);
    loop {
        let info = tokio::task::spawn_blocking(move || get(board, "/info"));
        let info = info.await.ok().flatten();
        let is_known = found.as_ref().map(|(info, _)| info) == info.as_ref();
        if !is_known && let Some((_, instance)) = found.take() {
            let (name, uid) = (instance.name_any(), instance.uid().unwrap_or_default());
            akri::delete(client, &params.namespace, &name, &uid)
                .await
                .unwrap();
        }
        if !is_known && let Some(info) = info {
            let reading = Reading {
                device_type: info["device"].as_str().unwrap_or_default(),
                version: info["version"].as_str().unwrap_or_default(),
            };
            let made = akri::create(client, params, &device, times, reading);
            found = Some((info.clone(), made.await.unwrap()));
            times += 1;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
