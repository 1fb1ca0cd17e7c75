-- How new and how complete the data is. Keys: ledger's and evaluations' primary keys,
-- evaluations_stored by time.
WITH hour AS (SELECT date_trunc('hour', now()) - interval '1 hour' AS at),
fleet AS (
    SELECT max(d.last_report_at) AS newest_report, sum(3600 / d.interval_s)::bigint AS expected,
           coalesce(sum(l.stored), 0)::bigint AS received
    FROM hour, devices d
    LEFT JOIN ledger l ON l.device = d.device AND l.hour = (SELECT at FROM hour)
    WHERE d.enabled
),
judged AS (
    SELECT max(window_end) AS newest_evaluation, count(*) AS evaluations,
           count(*) FILTER (WHERE verdict IN ('pass', 'exceed')) AS decided
    FROM evaluations
    WHERE factor <> 'device' AND stored_at > now() - interval '2 hours' AND window_start > now() - interval '2 days'
)
SELECT newest_report, expected, received, newest_evaluation, evaluations, decided,
       (SELECT max(opened_at) FROM cases) AS newest_case
FROM fleet, judged
