//! What follows from a name such as `users.on_order_created`: its service and its process.

/// The process of a pattern, listener or relay: its binary, its database role and its account on the broker have the same
/// name, with a dash for each dot and underscore.
pub fn process_name(name: &str) -> String {
    name.replace(['.', '_'], "-")
}

/// The service to which a pattern, listener or relay belongs: the part before the first dot.
pub fn service(name: &str) -> &str {
    name.split_once('.').map_or(name, |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_gives_its_process_and_its_service() {
        assert_eq!(process_name("users.on_order_created"), "users-on-order-created");
        assert_eq!(service("users.on_order_created"), "users");
        assert_eq!(service("gateway"), "gateway");
    }
}
