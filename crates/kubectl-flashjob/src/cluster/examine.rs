//! What `doctor` reads, each thing as far as the person may. Reads, and asks the API server for the person's own rights: a review,
//! which is stored nowhere.

use flashjob_operator::{
    api::{FlashClass, Guarded, Instance},
    cli::operator::{DEPLOYMENT, settings_of},
    cluster::{ApiError, ErrorKind, Scope, clock::now},
    device::Inventory,
    flash_pod::guard::Policy,
    flashclass::{Class, Classes},
    names::{GROUP, LEASE, VALUES_KEY},
    settings::open_named,
};
use futures::{StreamExt, future::join_all, stream};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        authorization::v1::{
            ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
        },
        core::v1::{ConfigMap, Secret, Service},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, api::PostParams, core::DeserializeGuard};

use super::Cluster;
use crate::view::{
    device::rows,
    doctor::{Answer, Asked, Devices, Facts, Purpose, Values},
};

/// The Service that the flash image finds the attestation service by.
pub const ATTESTATION: &str = "dice-auth-service";
/// Questions that are asked at the same time.
const AT_ONCE: usize = 8;

/// The rights of people who use FlashJobs.
const RIGHTS: [Asked; 9] = [
    asked(Purpose::See, "get", GROUP, "flashjobs"),
    asked(Purpose::See, "list", GROUP, "flashjobs"),
    asked(Purpose::See, "watch", GROUP, "flashjobs"),
    asked(Purpose::Steer, "create", GROUP, "flashjobs"),
    asked(Purpose::Steer, "patch", GROUP, "flashjobs"),
    asked(Purpose::Approve, "approve", GROUP, "flashjobs"),
    asked(Purpose::Devices, "list", "akri.sh", "instances"),
    asked(Purpose::Logs, "get", "", "pods"),
    Asked {
        subresource: "log",
        ..asked(Purpose::Logs, "get", "", "pods")
    },
];

const fn asked(
    purpose: Purpose,
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
) -> Asked {
    Asked {
        purpose,
        verb,
        group,
        resource,
        subresource: "",
    }
}

impl Cluster {
    /// All that `doctor` looks at.
    pub async fn examine(&self, operator_namespace: &str) -> Facts {
        let reader = &self.reader;
        let definitions = async {
            [
                self.definition("flashjobs").await,
                self.definition("flashclasses").await,
            ]
        };
        let attestation = reader.get::<Service>(&self.namespace, ATTESTATION);
        let lease = reader.get(operator_namespace, LEASE);
        let times = async {
            let time = reader.time().await;
            (time, now())
        };
        let server = Box::pin(reader.cluster_version());
        let of_namespace = async {
            let pods = reader.list(&self.scope(false), "").await;
            (pods, self.labels().await, self.try_balanced().await)
        };
        let (
            server,
            definitions,
            classes,
            devices,
            services,
            (pods, labels, balanced),
            attestation,
            lease,
            times,
            rights,
        ) = futures::join!(
            server,
            Box::pin(definitions),
            Box::pin(self.classes()),
            Box::pin(self.devices_here()),
            Box::pin(self.services()),
            Box::pin(of_namespace),
            Box::pin(attestation),
            Box::pin(lease),
            Box::pin(times),
            Box::pin(self.rights()),
        );
        let deployment = reader
            .get::<Deployment>(operator_namespace, DEPLOYMENT)
            .await;
        let values = self.values(operator_namespace, &deployment).await;
        let secrets = self.named_secrets(values.as_ref()).await;
        Facts {
            namespace: self.namespace.clone(),
            operator_namespace: operator_namespace.to_owned(),
            server,
            definitions,
            classes,
            devices,
            services,
            balanced,
            pods,
            labels,
            attestation,
            deployment,
            values,
            secrets,
            lease,
            rights,
            times,
        }
    }

    async fn definition(&self, plural: &str) -> Answer<Option<CustomResourceDefinition>> {
        let api: Api<CustomResourceDefinition> = Api::all(self.reader.client().clone());
        let name = format!("{plural}.{GROUP}");
        let found = api.get_opt(&name).await;
        found.map_err(|error| ApiError::new(format!("get CustomResourceDefinition {name}"), &error))
    }

    async fn classes(&self) -> Answer<Classes> {
        let mut classes = Classes::default();
        let listed = match self.reader.list_all::<Guarded<FlashClass>>().await {
            Err(error) if error.is_not_found() => return Ok(classes),
            answer => answer?,
        };
        classes.installed = true;
        for class in listed.iter().filter_map(Class::parse) {
            classes.see(class);
        }
        Ok(classes)
    }

    async fn devices_here(&self) -> Answer<Devices> {
        let scope = self.scope(false);
        let listed = self.reader.list::<DeserializeGuard<Instance>>(&scope, "");
        let instances = listed.await?;
        let inventory = Inventory::of(&instances, self.own_addresses.iter().copied());
        let devices = rows((&instances, &inventory), &[], None, &[]);
        let unfit = devices
            .iter()
            .filter_map(|row| Some((row.instance.clone(), row.problem.clone()?)));
        Ok(Devices {
            count: devices.len(),
            unfit: unfit.collect(),
        })
    }

    /// Those of the cluster, for all of them draw on the same addresses; else those of the namespace.
    async fn services(&self) -> Answer<Vec<Service>> {
        match self.reader.list(&Scope::All, "").await {
            Err(error) if error.kind == ErrorKind::Forbidden => {
                self.reader.list(&self.scope(false), "").await
            }
            answer => answer,
        }
    }

    /// The values that the operator's settings name.
    async fn values(
        &self,
        operator_namespace: &str,
        deployment: &Answer<Option<Deployment>>,
    ) -> Option<Answer<Option<Values>>> {
        let deployment = deployment.as_ref().ok()?.as_ref()?;
        let settings = settings_of(deployment).ok()?;
        let name = settings.flash_pod_values_configmap?;
        let namespace = settings.lease_namespace;
        let namespace = namespace.as_deref().unwrap_or(operator_namespace);
        let found = self.reader.get::<ConfigMap>(namespace, &name).await;
        Some(found.map(|found| {
            let text = found?.data.and_then(|mut data| data.remove(VALUES_KEY));
            let place = format!("{namespace}/{name}");
            Some(Values::of(place, &text.unwrap_or_default()))
        }))
    }

    /// The Secrets that the values name, and whether each is there: only metadata is read.
    async fn named_secrets(
        &self,
        values: Option<&Answer<Option<Values>>>,
    ) -> Vec<(String, Answer<bool>)> {
        let Some(Ok(Some(Values {
            values: Ok(values), ..
        }))) = values
        else {
            return Vec::new();
        };
        let mut policy = Policy::default();
        open_named(values, &mut policy);
        policy.secrets.sort();
        policy.secrets.dedup();
        let api: Api<Secret> = Api::namespaced(self.reader.client().clone(), &self.namespace);
        let looked = policy.secrets.into_iter().map(|name| {
            let (api, namespace) = (api.clone(), &self.namespace);
            async move {
                let found = api.get_metadata_opt(&name).await;
                let found = found.map(|found| found.is_some()).map_err(|error| {
                    ApiError::new(format!("get Secret {namespace}/{name}"), &error)
                });
                (name, found)
            }
        });
        stream::iter(looked).buffered(AT_ONCE).collect().await
    }

    async fn rights(&self) -> Vec<(Asked, Answer<bool>)> {
        let questions = RIGHTS.iter().map(|asked| async {
            let answer = self.may(asked).await;
            (*asked, answer)
        });
        join_all(questions).await
    }

    async fn may(&self, asked: &Asked) -> Answer<bool> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let question = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some(self.namespace.clone()),
                    verb: some(asked.verb),
                    group: some(asked.group),
                    resource: some(asked.resource),
                    subresource: some(asked.subresource),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.write.clone());
        let answer = api.create(&PostParams::default(), &question).await;
        let answer = answer.map_err(|error| ApiError::new("ask for your rights", &error))?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}
