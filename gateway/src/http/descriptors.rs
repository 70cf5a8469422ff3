//! Reserves file descriptors for the gateway itself, so that clients cannot use up those for the broker, keys and probes.

use rlimit::Resource;
use runtime::StartError;

/// For everything that is not a client's connection: standard streams, the event loop, two connections to the broker and
/// their replacements, key files, an issuer's keys with the root certificates. About twenty are in use.
const RESERVED: u64 = 32;
/// The most connections of the admin listener.
const ADMIN: u64 = 64;
/// The fewest connections to start with.
const FEWEST: u64 = 16;

/// The limits of open connections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Connections {
    pub(crate) public: usize,
    pub(crate) admin: usize,
}

/// Raises the limit of open files as far as `wanted` connections need it. If it cannot be raised, allows fewer connections.
pub(crate) fn reserve(wanted: usize) -> Result<Connections, StartError> {
    let failed = |error| StartError::failed("cannot read the limit of open files (RLIMIT_NOFILE)", error);
    let (soft, hard) = Resource::NOFILE.get().map_err(failed)?;
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let needed = wanted.saturating_add(ADMIN + RESERVED);
    let mut limit = soft;
    if soft < needed {
        limit = needed.min(hard);
        if Resource::NOFILE.set(limit, hard).is_err() {
            limit = soft;
        }
    }
    let connections = share(limit, wanted).ok_or_else(|| {
        let least = RESERVED + FEWEST;
        StartError::Failed(format!(
            "the limit of open files is {limit} (ulimit -n), and the gateway needs at least {least}: raise it"
        ))
    })?;
    if limit < needed {
        tracing::warn!(
            open_files = limit,
            wanted,
            connection_limit = connections.public,
            "GATEWAY_CONNECTION_LIMIT is lowered: raise the limit of open files (ulimit -n)"
        );
    }
    Ok(connections)
}

/// Divides the open files; `None` if there are too few.
fn share(limit: u64, wanted: u64) -> Option<Connections> {
    let free = limit.checked_sub(RESERVED).filter(|free| *free >= FEWEST)?;
    let admin = ADMIN.min(free / 4);
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Some(Connections { public: number(wanted.min(free - admin)), admin: number(admin) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_descriptors_are_always_reserved() {
        let shared = |limit, wanted| share(limit, wanted).map(|shares| (shares.public, shares.admin));
        assert_eq!(shared(65_536, 1_024), Some((1_024, 64)));
        assert_eq!(shared(1_120, 1_024), Some((1_024, 64)));
        assert_eq!(shared(1_024, 1_024), Some((928, 64)));
        assert_eq!(shared(64, 1_024), Some((24, 8)));
        assert_eq!(shared(64, 10), Some((10, 8)));
        assert_eq!((shared(48, 1), shared(47, 1), shared(0, 1)), (Some((1, 4)), None, None));
        assert_eq!(shared(u64::MAX, u64::MAX).map(|(_, admin)| admin), Some(64));
    }
}
