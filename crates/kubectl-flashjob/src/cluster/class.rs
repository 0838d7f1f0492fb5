//! The stop switch: classes are suspended, and let go on.

use flashjob_operator::cluster::{
    ApiError, Order, Suspension, list_classes, own_name, suspend_class,
};
use futures::future::join_all;
use kube::api::DynamicObject;

use super::Cluster;

impl Cluster {
    /// Every class.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub async fn flash_classes(&self) -> Result<Vec<DynamicObject>, ApiError> {
        list_classes(self.reader.client()).await
    }

    /// Suspends classes, or lets them go on; each as it is then. One that cannot be changed does not keep the others from it.
    pub async fn suspend_classes(
        &self,
        classes: &[DynamicObject],
        suspension: Suspension,
        dry_run: bool,
    ) -> Vec<Result<DynamicObject, ApiError>> {
        let by = match suspension {
            Suspension::Stop => own_name(self.reader.client()).await,
            Suspension::Release | Suspension::Overrule => None,
        };
        let order = Order {
            suspension,
            by: by.as_deref(),
            dry_run,
        };
        let carried_out = classes
            .iter()
            .map(async |class| suspend_class(&self.write, class, order).await);
        join_all(carried_out).await
    }
}
