//! A macro that runs the tests of a subject against a store.

/// Makes a test of each check, over its own store. A check is a function over `Arc<dyn Store>` in a module of `$suite`.
/// `$fresh` returns an empty store with everything that must outlive it, or `None` where the store is missing.
macro_rules! suite {
    ($suite:ident on $store:ident from $fresh:path: $($subject:ident { $($check:ident,)+ })+) => {
        mod $store {
            $(mod $subject {
                $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let Some((store, _outlives)) = $fresh().await else { return };
                    crate::$suite::$subject::$check(store).await;
                })+
            })+
        }
    };
}
pub(crate) use suite;
