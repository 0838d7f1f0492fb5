//! What follows from the settings: whether they agree with each other, scopes, times, paths. Reads the environment only where
//! a setting is left to it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::Settings;
use crate::{
    cluster::{LeaseTimes, Scope},
    crash::Crash,
};

/// File in which a Pod finds its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Least time that a write gets.
const LEAST_WRITE_TIME: Duration = Duration::from_secs(1);

/// Settings contradict each other.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// Another process could lead while this one still believes in its lease.
    #[error(
        "the renew deadline ({deadline:?}) must be shorter than the lease duration ({duration:?}): two processes could lead"
    )]
    LeaseOutlived {
        /// How long this process believes in its lease.
        deadline: Duration,
        /// How long others do.
        duration: Duration,
    },
    /// A write that is sent late in the lease could take effect under the next leader, or has no time to be carried out.
    #[error(
        "the lease duration and the settle period, less the renew deadline, come to {grace:?}: a write needs a second to reach the API server \
         and another to be carried out before the next leader writes"
    )]
    NoTimeForWrites {
        /// Time between the end of this process's belief and the first write of the next leader.
        grace: Duration,
    },
    /// The lease would be lost between two renewals.
    #[error("the renew period ({period:?}) must be shorter than the renew deadline ({deadline:?})")]
    RenewedTooRarely {
        /// Time between renewals.
        period: Duration,
        /// Time without a renewal after which the lease is lost.
        deadline: Duration,
    },
    /// The log level could be changed from elsewhere.
    #[error(
        "--log-level-address: {0} is not a loopback address, and whoever reaches it could change the log level: use 127.0.0.1, \
         and kubectl port-forward"
    )]
    LogLevelOpen(SocketAddr),
}

impl Settings {
    /// Checks what the command line cannot check alone.
    ///
    /// # Errors
    /// When settings contradict each other.
    pub fn check(&self) -> Result<(), SettingsError> {
        let times = self.lease_times();
        let (deadline, duration) = (times.renew_deadline, times.duration);
        if deadline >= duration {
            return Err(SettingsError::LeaseOutlived { deadline, duration });
        }
        let grace = times.grace();
        if grace < 2 * LEAST_WRITE_TIME {
            return Err(SettingsError::NoTimeForWrites { grace });
        }
        if times.renew_period >= times.renew_deadline {
            return Err(SettingsError::RenewedTooRarely {
                period: times.renew_period,
                deadline: times.renew_deadline,
            });
        }
        let open = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        if let Some(address) = self.log_level_address.filter(open) {
            return Err(SettingsError::LogLevelOpen(address));
        }
        Ok(())
    }

    /// Which namespaces hold devices.
    #[must_use]
    pub fn instance_scope(&self) -> Scope {
        Scope::of(&self.akri_namespaces)
    }

    /// Which namespaces are looked at.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of(&self.watch_namespaces)
    }

    /// The times of the leader election.
    #[must_use]
    pub fn lease_times(&self) -> LeaseTimes {
        LeaseTimes {
            duration: Duration::from_millis(self.lease_duration_ms),
            renew_deadline: Duration::from_millis(self.renew_deadline_ms),
            renew_period: Duration::from_millis(self.renew_period_ms),
            poll_period: Duration::from_millis(self.poll_period_ms.min(self.renew_period_ms)),
            settle_period: Duration::from_millis(self.settle_period_ms),
        }
    }

    /// Time-out of one write.
    #[must_use]
    pub fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// Where to abort: in tests alone, never in a release build.
    #[must_use]
    pub fn crash(&self) -> Crash {
        #[cfg(debug_assertions)]
        return Crash::at(self.crash_at.clone());
        #[cfg(not(debug_assertions))]
        Crash::default()
    }

    /// Kubeconfig of the helm command, found as the clients find theirs; none in a Pod.
    #[must_use]
    pub fn kubeconfig(&self) -> Option<PathBuf> {
        let given = self.kubeconfig_path.clone();
        let usual = || {
            let path = std::env::home_dir()?.join(".kube/config");
            Some(path).filter(|path| path.exists())
        };
        given
            .filter(|path| !path.as_os_str().is_empty())
            .or_else(usual)
    }

    /// Namespace of the Lease and of the operator's ConfigMap; `of_client` is that of the kubeconfig's context.
    #[must_use]
    pub fn own_namespace(&self, of_client: &str) -> String {
        let of_pod = || {
            let name = std::fs::read_to_string(NAMESPACE_FILE).ok()?;
            Some(name.trim().to_owned()).filter(|name| !name.is_empty())
        };
        self.lease_namespace
            .clone()
            .or_else(|| self.pod_namespace.clone())
            .or_else(of_pod)
            .unwrap_or_else(|| of_client.to_owned())
    }
}
