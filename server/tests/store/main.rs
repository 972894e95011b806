//! What every store engine must do. A behaviour is an async function that takes a fresh store; an engine's test is a way to open one
//! and one line, `conformance!(open)`. A behaviour that is missing from the list below is dead code and fails the build.

// Behaviours say what must hold by failing, as tests do, but are not marked as tests themselves.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod arrivals;
mod attribution;
mod backups;
mod costs;
mod deliveries;
mod erasing;
mod events;
mod facts;
mod given;
mod holdings;
mod imports;
mod jobs;
mod keys;
mod links;
mod lists;
mod outbox;
mod people;
mod postbacks;
mod rates;
mod refunds;
mod repeats;
mod rereading;
mod seals;
mod sites;
mod sqlite;
mod trail;
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
            a_visit_keeps_what_it_cost_when_it_was_first_heard_of,
            a_visit_s_cookies_are_added_to_and_never_overwritten,
            a_cookie_of_the_page_goes_before_one_that_was_built,
            a_visit_keeps_a_bounded_number_of_cookies,
            a_click_is_kept_once_with_its_link,
            the_events_of_one_request_are_taken_all_or_none,
            a_write_that_fails_takes_no_other_with_it,
        ]);
        conformance!($open, holdings: [
            what_is_held_is_read_whole_whatever_the_parts,
            what_comes_between_two_parts_changes_neither,
            rows_are_counted_so_far_and_for_each_site,
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
            what_is_booked_is_known_by_its_transaction_and_by_its_identity,
        ]);
        conformance!($open, repeats: [
            the_one_sent_first_counts_unless_the_site_says_otherwise,
            an_edit_is_the_one_sent_last,
            an_edit_without_a_time_is_the_one_received_last,
            payouts_are_added_up_with_the_facts_of_the_first,
            a_payout_in_another_currency_is_not_added_and_told,
            each_call_of_a_creating_mode_is_a_conversion_and_counts,
            a_rebill_is_told_by_its_number_or_by_an_earlier_payment,
        ]);
        conformance!($open, imports: [
            what_is_brought_in_afterwards_changes_nothing_that_was_told_at_the_time,
            what_is_brought_in_twice_says_that_it_is_booked,
            a_rehearsal_tells_what_would_become_and_keeps_nothing,
        ]);
        conformance!($open, rereading: [
            a_refused_postback_that_is_understood_later_is_booked,
            a_conversion_keeps_its_id_whatever_its_postback_says_later,
            a_postback_that_says_nothing_any_more_takes_its_conversion_along,
            a_conversion_stays_as_long_as_one_postback_tells_it,
            a_postback_may_move_to_a_conversion_that_is_there,
            reading_again_what_was_read_changes_nothing,
            another_rule_for_repeats_gives_the_books_it_would_have_given,
            calls_that_each_counted_become_one_when_the_rule_says_so_and_back,
            a_click_assigned_by_hand_credits_the_sale_and_is_kept,
            of_the_same_call_the_one_corrected_by_hand_is_booked_in_every_order,
            what_was_corrected_since_it_was_read_is_not_read_again,
            a_fact_about_an_order_is_kept_and_replaced,
            a_postback_that_is_not_there_is_not_read_again,
        ]);
        conformance!($open, jobs: [
            a_job_is_kept_whole,
            a_site_has_one_open_job_of_a_kind,
            a_step_moves_work_and_cursor_together,
            a_step_that_fails_moves_nothing,
            a_job_that_ended_loses_its_payload_and_stays_ended,
            jobs_are_listed_newest_first_without_their_payloads,
        ]);
        conformance!($open, costs: [
            costs_are_read_by_the_days_they_touch,
            a_cost_is_kept_as_it_was_told,
            a_cost_under_the_same_id_takes_the_place_of_the_one_before,
            a_cost_of_nothing_takes_away_what_was_under_its_id,
            a_cost_is_removed_once_and_from_its_own_site,
            what_came_from_one_kind_of_file_is_removed_by_its_days,
            a_saved_report_takes_the_place_of_the_one_with_its_name,
            a_saved_report_is_removed_once_and_from_its_own_site,
        ]);
        conformance!($open, lists: [
            every_list_can_be_read_in_parts_without_gap_or_repeat,
            lists_are_newest_first,
            a_part_that_ends_the_list_has_no_cursor,
            a_site_sees_its_own_alone,
            visits_and_clicks_are_found_by_their_ids,
            what_was_answered_can_be_read_at_once,
            the_check_says_that_writing_works,
            every_field_finds_the_rows_that_have_its_value_and_no_others,
            a_list_is_bounded_by_when_its_rows_were_received,
            a_list_in_either_order_has_no_gap_and_no_repeat_whatever_arrives_meanwhile,
            conversions_are_sorted_and_bounded_by_when_they_happened,
            filters_are_all_held_at_once_and_in_every_part,
            jobs_and_links_are_filtered_too,
            a_field_or_cursor_that_a_list_does_not_have_is_an_error,
        ]);
        conformance!($open, arrivals: [
            what_came_is_counted_by_channel_and_state,
            only_so_many_of_the_last_are_looked_at,
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
        conformance!($open, facts: [
            a_sale_counts_where_its_visit_came_from,
            the_models_share_a_sale_among_its_visitor_s_visits,
            a_visit_that_reports_late_gets_its_share,
            a_conversion_waits_under_no_campaign_until_its_visit_reports,
            a_click_that_reports_late_tells_where_its_sale_and_refund_led,
            a_refund_takes_back_from_whom_its_sale_gave_to_before_or_after_it,
            what_recurs_is_credited_by_what_came_before_its_click,
            a_version_that_counts_takes_the_place_of_the_one_before,
            tests_and_what_does_not_carry_its_money_count_for_nothing,
            what_has_no_value_is_counted_and_told_apart,
            days_begin_and_end_as_the_zone_says,
            each_row_s_money_is_converted_at_the_rate_of_its_own_day,
            a_visitor_of_several_groups_counts_once_over_all,
            the_values_and_names_that_came_are_told,
            sites_and_currencies_are_kept_apart,
            a_condition_on_what_visits_do_not_have_leaves_none_in,
            taking_in_again_changes_nothing_and_says_what_is_left,
            amounts_as_large_as_can_be_do_not_stop_the_facts,
            answers_equal_a_recount_of_the_lists_whatever_happened,
        ]);
        conformance!($open, deliveries: [
            a_sale_is_one_delivery_to_each_platform_however_it_is_told,
            a_platform_gets_what_any_kept_touch_of_the_visitor_brought_and_nothing_else,
            a_platform_that_gets_everything_gets_what_is_nobody_s_too,
            a_visit_that_reports_late_makes_the_deliveries_then,
            an_earlier_visit_that_reports_late_brings_what_came_later,
            tests_go_to_platforms_in_test_mode_alone_and_under_ids_of_their_own,
            money_that_goes_back_is_told_where_it_is_taken_with_its_sale,
            types_and_events_are_sent_where_they_are_wanted,
            what_was_brought_in_afterwards_is_told_to_nobody,
            what_was_there_before_the_platform_is_not_sent_to_it,
            what_is_older_than_the_platform_takes_expires_at_once,
            what_the_click_is_too_young_for_waits,
            what_leaves_the_books_is_not_sent_and_what_returns_is,
            what_two_conversions_tell_is_sent_as_long_as_one_of_them_is_in_the_books,
            a_corrected_transaction_stays_one_delivery,
            what_a_conversion_no_longer_is_is_not_sent,
            a_payment_that_turns_out_to_be_a_refund_is_not_told_as_a_payment,
            a_sale_is_told_with_the_visit_that_any_of_its_postbacks_names,
            a_rehearsal_sends_nothing,
        ]);
        conformance!($open, outbox: [
            a_claim_is_nobody_else_s_until_its_lease_runs_out,
            the_outlet_that_was_served_longest_ago_goes_first,
            what_is_due_comes_with_all_that_is_known_the_longest_waiting_first,
            what_became_of_a_delivery_is_kept_with_its_exchange,
            what_fails_waits_for_its_time,
            under_a_lost_lease_only_what_was_delivered_is_kept,
            what_was_delivered_is_delivered_whatever_became_of_it_meanwhile,
            a_stopped_outlet_holds_what_waits_until_it_is_resumed,
            a_resumed_outlet_sends_at_once_what_was_tried_and_not_what_is_too_young,
            what_is_switched_off_goes_on_when_it_is_switched_on_again,
            changed_settings_let_an_outlet_go_on_and_the_same_do_not,
            the_word_of_a_sender_with_old_settings_stops_nothing,
            what_gets_too_old_expires_with_its_last_reason,
            what_is_sent_again_keeps_its_event_id_and_is_counted_once,
            counts_and_the_oldest_unsent_are_told_of_each_outlet,
            deliveries_are_filtered_and_a_site_s_own,
        ]);
        conformance!($open, erasing: [
            what_a_visitor_did_is_gone_and_what_others_did_is_not,
            a_conversion_keeps_money_and_credit_and_names_nobody,
            reading_again_after_erasing_changes_nothing,
            a_repeat_after_erasing_is_known_and_brings_nobody_back,
            what_comes_of_the_same_click_later_is_credited_as_before_and_joins_its_sale,
            a_sale_that_comes_after_its_visitor_was_erased_is_nobody_s,
            what_an_erased_browser_still_sends_is_not_taken,
            reports_count_the_visitor_no_longer_and_the_conversions_as_before,
            erasing_before_and_after_taking_in_comes_to_the_same,
            values_that_nobody_else_brought_are_forgotten,
            what_waits_to_be_sent_is_stopped_for_good,
            what_was_told_of_an_erased_visitor_meanwhile_is_not_kept,
            a_visit_that_names_no_visitor_is_erased_by_its_own_id,
            what_belongs_to_the_same_order_and_names_nobody_is_cleansed_too,
            a_postback_without_a_conversion_is_cleansed_where_it_tells_of_the_visitor,
            the_trail_no_longer_names_the_visitor,
            a_visitor_is_erased_whole_or_not_at_all,
            nothing_is_known_of_a_visitor_of_another_site,
        ]);
        conformance!($open, backups: [
            the_backup_that_was_begun_last_is_the_last,
            a_bounded_number_of_backups_is_known,
        ]);
        conformance!($open, seals: [
            what_is_sealed_is_read_in_parts_without_gap_or_repeat,
            a_sealed_text_is_replaced_where_it_is_as_it_was,
            corrections_of_a_site_that_is_replayed_stay,
            the_last_request_of_a_delivery_is_among_what_is_sealed,
        ]);
        conformance!($open, sites: [
            a_site_is_found_by_either_id,
            sites_are_listed_oldest_first,
            a_site_id_is_given_once,
            settings_are_replaced_only_if_nobody_was_faster,
            a_replaced_tracking_id_works_until_its_time_is_over,
            each_of_several_replaced_tracking_ids_has_its_own_end,
            without_grace_the_old_tracking_id_ends_at_once,
            a_site_s_tracking_ids_are_its_own,
        ]);
        conformance!($open, keys: [
            the_admin_token_is_kept_and_replaced,
            a_new_admin_token_ends_every_session,
            a_one_time_link_is_taken_by_one_of_many,
            a_key_that_ran_out_opens_nothing,
            a_link_is_no_session,
            a_session_is_kept_whole_and_knows_when_it_was_used,
            somebody_s_sessions_are_theirs_and_the_others_can_be_ended,
            a_new_link_of_a_person_ends_the_one_before,
            a_key_of_somebody_who_is_gone_is_not_kept,
        ]);
        conformance!($open, people: [
            a_person_is_kept_whole_and_found_by_address_in_any_case,
            an_address_is_one_person_s_in_whichever_case,
            a_change_of_role_or_password_ends_that_person_s_sessions_alone,
            who_is_removed_takes_sessions_and_links_along,
            a_token_is_kept_whole_until_it_is_removed,
        ]);
        conformance!($open, trail: [
            the_trail_is_read_newest_first_in_parts_without_gap_or_repeat,
            the_trail_is_filtered_by_site_person_and_act,
            the_trail_knows_who_did_something_and_what_was_done,
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
