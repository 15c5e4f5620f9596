//! The tests of a subject, run against a store.

/// Makes a test of each check, over a store of its own: a check is a function over `Arc<dyn Store>` in a module of
/// `$suite`. `$fresh` gives an empty store with whatever must outlive it, or nothing where there can be none here.
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
