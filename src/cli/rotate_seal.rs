//! `flashjob-operator rotate-seal`: a new key for the seals. Run by an administrator, with that person's rights and without the lease.
//!
//! The key before it stays good, so that flashes in flight are not lost. It is not dropped while an object bears its seal: whatever
//! is still sealed by it would be nobody's after another rotation.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{Resource, ResourceExt};

use super::{Failure, connection::Connection, print};
use crate::{
    cluster::{Kinds, Reader, Scope, Writer},
    names::{ANNOTATION_POD_SEAL, ANNOTATION_SERVICE_SEAL, LABEL_JOB_UID, LABEL_SEAL},
    operator::seal_key::SealKeys,
    seal::SealKey,
    telemetry::Metrics,
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `rotate-seal`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  \
    flashjob-operator rotate-seal -n flashjob-system\n\n\
    The operator notices within half a minute, ends in good order, and starts over with the new key.\n\n\
    Rights: get and update the Secret in the namespace of the operator; list pods, services and secrets in the whole cluster.")]
pub struct RotateSeal {
    #[command(flatten)]
    connection: Connection,

    /// Namespace of the operator. Unset: that of the kubeconfig's context.
    #[arg(long, short)]
    namespace: Option<String>,

    /// Secret that holds the key.
    #[arg(long, default_value = "flashjob-operator-seal", value_name = "NAME")]
    seal_secret: String,
}

impl RotateSeal {
    /// Replaces the key, and says which one holds now.
    ///
    /// # Errors
    /// When there is no key yet, objects bear the seal of the key that would be dropped, or the API server refuses.
    pub async fn run(&self) -> Result<(), Failure> {
        let clients = self.connection.writing(PATIENCE).await?;
        let namespace = clients.namespace(self.namespace.as_deref()).to_owned();
        let reader = Reader::new(clients.read, PATIENCE);
        let (place, name) = (
            format!("{namespace}/{}", self.seal_secret),
            &self.seal_secret,
        );
        let found = reader.get::<Secret>(&namespace, name).await?;
        let mut secret = found.ok_or_else(|| {
            format!("there is no Secret {place}: the operator makes it when it first leads; name its namespace with -n")
        })?;
        let keys = SealKeys::of(&secret)?;
        if let Some(previous) = &keys.previous {
            refuse_if_borne(&reader, SealKey::new(previous).id()).await?;
        }
        let rotated = keys.rotated();
        secret.data = rotated.secret(&namespace, name).data;
        let writer = Writer::new(
            clients.write,
            Kinds::default(),
            PATIENCE,
            Metrics::default(),
        );
        writer.replace_secret(&secret).await?;
        let seals = rotated.seals();
        print(&format!(
            "Secret {place}: new objects are sealed by key {}, those of key {} stay good; the operator starts over within a minute\n",
            seals.key_id(),
            keys.seals().key_id()
        ))
    }
}

/// Objects that bear the seal of a key keep it.
async fn refuse_if_borne(reader: &Reader, key: &str) -> Result<(), Failure> {
    let scope = Scope::of(&[]);
    let pods: Vec<Pod> = reader.list(&scope, LABEL_JOB_UID).await?;
    let services: Vec<Service> = reader.list(&scope, LABEL_JOB_UID).await?;
    let secrets: Vec<Secret> = reader.list(&scope, LABEL_SEAL).await?;
    let bearing = |object: &BTreeMap<String, String>, place: &str| {
        let seal = object.get(place)?;
        seal.strip_prefix(key)?.starts_with('-').then_some(())
    };
    let named = |kind: &str, object: &dyn Named| format!("{kind} {}", object.place());
    let of_pods = pods.iter().filter_map(|pod| {
        bearing(pod.annotations(), ANNOTATION_POD_SEAL).map(|()| named("Pod", pod))
    });
    let of_services = services.iter().filter_map(|service| {
        bearing(service.annotations(), ANNOTATION_SERVICE_SEAL).map(|()| named("Service", service))
    });
    let of_secrets = secrets.iter().filter_map(|secret| {
        bearing(secret.labels(), LABEL_SEAL).map(|()| named("Secret", secret))
    });
    let borne: Vec<String> = of_pods.chain(of_services).chain(of_secrets).collect();
    let Some(first) = borne.first() else {
        return Ok(());
    };
    Err(format!(
        "{} objects still bear the seal of key {key}, which would be dropped, {first} among them: wait until their flashes have \
         ended, and delete the FlashJobs whose failed releases are kept",
        borne.len()
    )
    .into())
}

/// Where an object is, for messages.
trait Named {
    fn place(&self) -> String;
}

impl<K: Resource> Named for K {
    fn place(&self) -> String {
        format!(
            "{}/{}",
            self.namespace().unwrap_or_default(),
            self.name_any()
        )
    }
}
