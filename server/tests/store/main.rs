//! What every store engine must do. A behaviour is an async function that takes a fresh store; an engine's test is a way to open one
//! and one line, `conformance!(open)`. A behaviour that is missing from the list below is dead code and fails the build.

// Behaviours say what must hold by failing, as tests do, but are not marked as tests themselves.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod attribution;
mod events;
mod given;
mod keys;
mod links;
mod lists;
mod postbacks;
mod rates;
mod refunds;
mod sites;
mod sqlite;
mod transactions;

/// Runs every behaviour on stores that `$open` opens.
macro_rules! conformance {
    ($open:path) => {
        conformance!($open, events: [
            a_known_event_id_changes_nothing,
            the_same_event_from_many_connections_is_kept_once,
            an_event_keeps_everything_it_said,
            a_visit_is_written_once_and_never_again,
            a_visit_tells_where_it_came_from,
            a_visit_s_cookies_are_added_to_and_never_overwritten,
            a_cookie_of_the_page_goes_before_one_that_was_built,
            a_visit_keeps_a_bounded_number_of_cookies,
            a_click_is_kept_once_with_its_link,
            the_events_of_one_request_are_taken_all_or_none,
            a_write_that_fails_takes_no_other_with_it,
        ]);
        conformance!($open, attribution: [
            a_conversion_is_credited_to_its_click_and_tells_its_source,
            a_click_that_was_never_reported_is_credited_to_its_visit,
            a_click_id_in_capitals_is_the_same_click,
            a_truncated_click_id_is_credited_to_its_visit,
            an_altered_click_id_is_kept_as_unattributed,
            a_sale_without_a_click_id_is_kept_as_unattributed,
            another_site_s_visit_gets_no_credit,
            a_visit_that_reports_late_claims_what_waited_for_it,
            a_click_that_reports_late_takes_the_doubt_away,
            the_books_do_not_depend_on_when_visit_and_click_were_reported,
            a_click_of_another_visit_does_not_vouch,
            the_sender_s_time_counts_between_click_and_receipt,
            a_visitor_s_clock_that_runs_ahead_does_not_rule_out_the_sender_s_time,
        ]);
        conformance!($open, postbacks: [
            a_postback_keeps_everything_it_said,
            what_cannot_be_understood_is_kept_with_its_reason,
            a_repeat_is_a_duplicate_that_names_the_first_and_changes_nothing,
            sixteen_at_the_same_instant_make_one_conversion,
            conflicting_repeats_in_every_order_give_the_same_books,
            a_conflicting_repeat_that_counts_keeps_id_and_receipt,
            a_test_is_kept_apart,
            a_test_with_the_transaction_of_a_real_sale_is_kept_beside_it,
            the_same_identity_on_two_sites_is_two_conversions,
            money_keeps_value_and_decimals,
        ]);
        conformance!($open, refunds: [
            a_refund_joins_its_sale,
            refunds_join_the_same_sales_in_every_order_of_arrival,
            a_sale_that_changes_gives_its_refunds_back,
            a_test_refund_joins_nothing_and_takes_nothing,
            a_refund_of_another_group_joins_nothing,
            a_click_id_shared_by_a_crowd_joins_nothing_in_any_order,
            the_refund_that_takes_more_than_is_left_says_so_in_every_order_of_arrival,
        ]);
        conformance!($open, transactions: [
            the_types_of_one_transaction_give_the_same_books_in_every_order_of_arrival,
            a_custom_type_alone_carries_its_money_until_the_sale_arrives,
            a_type_that_loses_the_money_gives_its_refunds_to_the_one_that_carries,
            a_version_that_leaves_the_transaction_gives_the_money_back,
            another_group_site_or_test_takes_no_money_away,
            a_transaction_under_a_crowd_of_types_counts_once,
        ]);
        conformance!($open, lists: [
            every_list_can_be_read_in_parts_without_gap_or_repeat,
            lists_are_newest_first,
            a_part_that_ends_the_list_has_no_cursor,
            a_site_sees_its_own_alone,
            visits_and_clicks_are_found_by_their_ids,
            what_was_answered_can_be_read_at_once,
            the_check_says_that_writing_works,
        ]);
        conformance!($open, links: [
            what_was_found_out_about_a_link_is_kept_whole,
            a_new_answer_takes_the_place_of_the_one_before,
            of_too_many_links_those_of_no_network_go_first_then_the_oldest,
            a_site_s_links_are_its_own,
            links_are_read_in_parts,
        ]);
        conformance!($open, rates: [
            rates_are_kept_as_they_were_published,
            the_same_rates_again_change_nothing,
            a_corrected_rate_takes_the_place_of_the_one_before,
            a_part_of_the_days_comes_with_the_last_rate_before,
            a_part_of_the_days_answers_as_all_of_them_do,
            the_days_that_have_rates_are_told_oldest_first,
        ]);
        conformance!($open, sites: [
            a_site_is_found_by_either_id,
            sites_are_listed_oldest_first,
            a_site_id_is_given_once,
            settings_are_replaced_only_if_nobody_was_faster,
        ]);
        conformance!($open, keys: [
            the_admin_token_is_kept_and_replaced,
            a_new_admin_token_ends_every_session,
            a_one_time_link_is_taken_by_one_of_many,
            a_key_that_ran_out_opens_nothing,
            a_link_is_no_session,
        ]);
    };
    ($open:path, $area:ident: [$($behaviour:ident),* $(,)?]) => {
        mod $area {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    let opened = $open();
                    crate::$area::$behaviour(opened.store.clone()).await;
                }
            )*
        }
    };
}
pub(crate) use conformance;
