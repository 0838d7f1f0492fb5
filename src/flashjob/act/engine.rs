//! The two ways in which a release gets into the cluster. Everything else about an attempt is the same for both: its record, its verdict,
//! how it is removed.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::ActionError;
use crate::{
    api::EngineName,
    flash_pod::intent::{Intent, Stored},
    flashjob::{
        act::context::Context,
        blueprint::{Blueprint, FlashPod},
        observe::objects::Identity,
    },
};

/// An attempt of which nothing exists yet.
#[derive(Clone, Copy)]
pub struct Reservation<'a> {
    /// The attempt.
    pub identity: &'a Identity,
    /// The chart, with the administrator's settings.
    pub flash_pod: &'a Arc<FlashPod>,
    /// Its values.
    pub blueprint: &'a Arc<Blueprint>,
    /// Revision of the release that it becomes.
    pub revision: u32,
}

/// An attempt that is recorded: what follows is made from its record alone.
pub struct Recorded<'a> {
    /// The attempt.
    pub identity: &'a Identity,
    /// The chart settings of now.
    pub flash_pod: Arc<FlashPod>,
    /// The record.
    pub stored: Arc<Stored>,
    /// The intent in it.
    pub intent: Intent,
}

/// Brings a release into the cluster. Each call is one action of an attempt: it may take as long as its writes, and holds up nobody else.
pub trait Engine: Send + Sync {
    /// Its name, as users choose it.
    fn name(&self) -> EngineName;

    /// Writes 1 and 2: the record, then everything but the Pod.
    ///
    /// # Errors
    /// When chart, schema or guard refuse, or a write failed.
    fn reserve<'a>(
        &'a self,
        ctx: &'a Context,
        reservation: Reservation<'a>,
    ) -> BoxFuture<'a, Result<(), ActionError>>;

    /// Write 2 again, after a crash.
    ///
    /// # Errors
    /// As [`Engine::reserve`].
    fn reserve_again<'a>(
        &'a self,
        ctx: &'a Context,
        recorded: Recorded<'a>,
    ) -> BoxFuture<'a, Result<(), ActionError>>;

    /// Writes 4 and 5: the Pod, which is told this address, then the record that says so.
    ///
    /// # Errors
    /// As [`Engine::reserve`].
    fn launch<'a>(
        &'a self,
        ctx: &'a Context,
        recorded: Recorded<'a>,
        address: &'a str,
    ) -> BoxFuture<'a, Result<(), ActionError>>;

    /// Ends what it has running outside this process, within this time; nothing is started any more.
    fn stop(&self, grace: Duration) -> BoxFuture<'_, ()>;
}
