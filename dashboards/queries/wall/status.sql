-- One row a site: exceed > case > offline > ok. "ok" says that it reports, not that it complies.
-- Exceeding now: the newest window of a limit exceeds, and the next one is not overdue.
-- Keys: evaluations_exceed by time, then evaluations' primary key; devices and open cases are small.
WITH exceeding AS (
    SELECT DISTINCT d.site
    FROM evaluations e
    JOIN devices d ON d.device = e.device
    WHERE e.verdict = 'exceed' AND e.factor <> 'device'
      AND e.window_start > now() - interval '49 hours'
      AND e.window_end + (e.window_end - e.window_start) + interval '5 minutes' > now()
      AND NOT EXISTS (
          SELECT FROM evaluations later
          WHERE later.device = e.device AND later.standard = e.standard AND later.limit_id = e.limit_id
            AND later.window_start > e.window_start
      )
),
reporting AS (
    SELECT site FROM devices
    WHERE enabled AND last_report_at > now() - greatest(interval '5 minutes', 3 * interval_s * interval '1 second')
      AND NOT (online IS FALSE AND online_at > last_report_at)
)
SELECT s.site,
       CASE WHEN s.site IN (SELECT site FROM exceeding) THEN 'exceed'
            WHEN s.site IN (SELECT site FROM cases WHERE state NOT IN ('closed', 'withdrawn')) THEN 'case'
            WHEN s.site IN (SELECT site FROM reporting) THEN 'ok'
            ELSE 'offline'
       END AS state
FROM sites s
