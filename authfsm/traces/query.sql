-- The SQL of the queries over sign-ins, in DuckDB's dialect. `-- name:` begins a part; Python replaces the names in braces.
--
-- An exchange is a request with its reply. Its columns, beside the time, the error and the number of copies:
--   symbol           the log's name for the response (`authfsm.traces.log_symbols`)
--   ranked           the order of events of the same second
--   sign_in          the recorded sign-in, or the values by which events are grouped
--   opens            true if the request begins a sign-in
--   after_sign_in    true for operations that need the tokens of a sign-in, such as ConfirmDevice or a refresh
--   alone            true if the event does not show its user or time, so that no other event can be related to it
--   unattributed     true if the same address and user agent have set-up events that do not show their user
--   recorded         true for a recorded step, whose sign-in and order are certain
--   known_source     the state that a recorded step left; AUTHENTICATED for a refresh in CloudTrail; otherwise NULL
--   reply_node       the node to which the reply leads; NULL if a refusal keeps the state
--   next_node        the node of the sign-in afterwards; NULL if the exchange does not change it
-- Columns that `check` adds:
--   attempt          the number of the attempt among those of the same `sign_in`
--   reached          the node of the attempt before the exchange
--   extent           2 if the attempt has its beginning; 1 if not; 0 if it only uses the tokens of an earlier sign-in
--   abandoned        in the first exchange of an attempt, the node of the unfinished attempt during which it began
--   other_node       the same in each exchange of the attempt

-- name: deduplicated
-- An event that was delivered several times counts once. Setting up an authenticator app with an access token is
-- not part of a sign-in.
deduplicated AS (
    SELECT {names}, COUNT(*) AS copies FROM events_read WHERE NOT ({with_token}) GROUP BY {names}
)

-- name: deduplicated_stored
-- The same for `events_read` as a table, which can be read several times. Only the few events that were delivered
-- several times, and those without an id, are grouped.
repeated AS (
    SELECT DISTINCT id FROM (SELECT id FROM events_read WHERE id IS NOT NULL GROUP BY id HAVING COUNT(*) > 1) AS duplicated
), deduplicated AS (
    SELECT {names}, CAST(1 AS BIGINT) AS copies FROM events_read
    WHERE NOT ({with_token}) AND id IS NOT NULL AND id NOT IN (SELECT id FROM repeated)
    UNION ALL
    SELECT {names}, COUNT(*) AS copies FROM events_read
    WHERE NOT ({with_token}) AND (id IS NULL OR id IN (SELECT id FROM repeated)) GROUP BY {names}
)

-- name: with_app
-- An event without an app client has the app client of the sign-in that it continues.
with_app AS (
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app,
        MAX(CASE WHEN orphan THEN 1 ELSE 0 END) OVER (PARTITION BY address, agent) = 1 AS unattributed
    FROM with_symbol
)

-- name: with_app_stored
-- The same for `with_symbol` as a table: only the events of users who have an event without an app client are sorted.
lacking AS (SELECT DISTINCT sub, address, agent FROM with_symbol WHERE client IS NULL AND sub IS NOT NULL),
orphans AS (SELECT DISTINCT address, agent, TRUE AS orphaned FROM with_symbol WHERE orphan),
clients AS (
    SELECT *, COALESCE(client, '') AS app FROM with_symbol
    WHERE sub IS NULL OR NOT EXISTS (
        SELECT 1 FROM lacking WHERE lacking.sub = with_symbol.sub AND lacking.address = with_symbol.address AND lacking.agent = with_symbol.agent)
    UNION ALL
    SELECT *, COALESCE(client, LAST_VALUE(client IGNORE NULLS) OVER (
            PARTITION BY sub, address, agent ORDER BY moment, CASE WHEN client IS NULL THEN 1 ELSE 0 END ROWS UNBOUNDED PRECEDING), '') AS app
    FROM with_symbol WHERE sub IS NOT NULL AND EXISTS (
        SELECT 1 FROM lacking WHERE lacking.sub = with_symbol.sub AND lacking.address = with_symbol.address AND lacking.agent = with_symbol.agent)
), with_app AS (
    SELECT clients.*, COALESCE(orphaned, FALSE) AS unattributed
    FROM clients LEFT JOIN orphans ON orphans.address = clients.address AND orphans.agent = clients.agent
)

-- name: check
-- Splits the exchanges of each user into attempts, follows each attempt from node to node, and checks each step.
timed AS (
    SELECT *, LAG(moment) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id) AS before,
        LEAD(moment) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id) AS after,
        LAST_VALUE(next_node IGNORE NULLS) OVER (
            PARTITION BY sign_in ORDER BY moment, ranked, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS node_before
    FROM exchanges
), split AS (
    SELECT *, SUM(CASE
        WHEN opens OR (NOT recorded AND known_source IS NOT NULL) THEN 1
        WHEN NOT recorded AND error IS NULL AND DATE_DIFF('second', before, moment) > {seconds} THEN 1
        ELSE 0 END) OVER (PARTITION BY sign_in ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING) AS attempt,
        CASE WHEN opens AND NOT recorded AND NOT alone AND node_before NOT IN ('AUTHENTICATED', 'FAILED', 'START')
            AND DATE_DIFF('second', before, moment) <= {seconds} THEN node_before END AS abandoned
    FROM timed
), followed AS (
    SELECT *,
        LAST_VALUE(next_node IGNORE NULLS) OVER (
            PARTITION BY sign_in, attempt ORDER BY moment, ranked, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached,
        MAX(abandoned) OVER (PARTITION BY sign_in, attempt) AS other_node,
        MAX(CASE WHEN opens THEN 2 WHEN after_sign_in THEN 0 ELSE 1 END) OVER (PARTITION BY sign_in, attempt) AS extent,
        LAG(moment) OVER (PARTITION BY sign_in, attempt ORDER BY moment, ranked, id) AS since,
        LEAD(id) OVER (PARTITION BY sign_in, attempt ORDER BY moment, ranked, id) AS following
    FROM split
), with_source AS (
    SELECT *, CASE
        WHEN opens THEN 'START'
        WHEN known_source IS NOT NULL THEN COALESCE(CASE WHEN reached = known_source OR reached LIKE known_source || ' (%' THEN reached END, known_source)
        WHEN alone THEN '{unknown}'
        -- The tokens may be those of an earlier sign-in.
        WHEN after_sign_in THEN CASE WHEN node_before = 'AUTHENTICATED' THEN node_before ELSE '{unknown}' END
        ELSE COALESCE(reached, '{unknown}') END AS source
    FROM followed
), with_dest AS (
    SELECT *, COALESCE(reply_node, source) AS dest, CASE WHEN error IS NULL THEN reply_node ELSE '{unknown}' END AS reply
    FROM with_source
), compared AS (
    SELECT step.*, CASE
        WHEN from_source.symbol IS NOT NULL THEN CASE WHEN step.source = '{unknown}' OR step.symbol = '{unknown}' OR step.dest = '{unknown}' THEN 'unknown' ELSE 'legal' END
        WHEN recorded OR opens OR from_any.symbol IS NULL THEN 'illegal'
        WHEN moment = before OR moment = after OR from_other.symbol IS NOT NULL THEN 'ambiguous'
        WHEN step.source LIKE 'MFA_SETUP%' AND unattributed THEN 'unknown'
        ELSE 'illegal' END AS first_verdict, from_any.symbol IS NOT NULL AS in_protocol
    FROM with_dest AS step
    LEFT JOIN transitions AS from_source ON from_source.source = step.source AND from_source.symbol = step.symbol AND from_source.dest = step.reply
    LEFT JOIN transitions AS from_any ON from_any.source = '{unknown}' AND from_any.symbol = step.symbol AND from_any.dest = step.reply
    LEFT JOIN transitions AS from_other ON from_other.source = step.other_node AND from_other.symbol = step.symbol AND from_other.dest = step.reply
), checked AS (
    -- After events of an uncertain order, nothing in the attempt is called illegal.
    SELECT id, sign_in, attempt, moment, ranked, source, symbol, dest, error, copies, opens, CASE
            WHEN first_verdict = 'illegal' AND in_protocol AND NOT recorded AND MAX(CASE WHEN first_verdict = 'ambiguous' THEN 1 ELSE 0 END) OVER (
                PARTITION BY sign_in, attempt ORDER BY moment, ranked, id ROWS UNBOUNDED PRECEDING
            ) = 1 THEN 'ambiguous'
            ELSE first_verdict END AS verdict,
        CASE WHEN NOT opens THEN FLOOR(DATE_DIFF('millisecond', since, moment) / 100.0) END AS tenths,
        CASE WHEN following IS NOT NULL OR extent = 0 THEN NULL
            WHEN extent = 1 OR (alone AND dest NOT IN ('AUTHENTICATED', 'FAILED')) THEN '{unknown}'
            ELSE dest END AS ended
    FROM compared
)

-- name: each_step
SELECT id, sign_in, attempt, moment, source, symbol, dest, error, verdict, ended, ranked FROM checked

-- name: funnel
-- A row for each transition and each illegal step; for each node and duration, how many steps took so long; for
-- each node, how many sign-ins ended there; and one row for everything.
SELECT CASE WHEN GROUPING(verdict) = 0 THEN 'transition' WHEN GROUPING(tenths) = 0 THEN 'duration'
    WHEN GROUPING(ended) = 0 THEN 'end' ELSE 'total' END AS kind, verdict, source, symbol, dest, illegal_id, tenths, ended, COUNT(*) AS times,
    MIN(sign_in) AS sign_in, MIN(moment) AS first_at, MAX(moment) AS last_at, MIN(error) AS error,
    SUM(CASE WHEN error IS NULL THEN 0 ELSE 1 END) AS refused,
    SUM(CASE WHEN opens THEN 1 ELSE 0 END) AS sign_ins, SUM(copies - 1) AS repeated
FROM (SELECT *, CASE WHEN verdict = 'illegal' THEN id END AS illegal_id FROM checked) AS each_step
GROUP BY GROUPING SETS ((verdict, source, symbol, dest, illegal_id), (source, tenths), (ended), ())

-- name: sorted_exchanges
-- Many sign-ins are alike. DuckDB sorts the exchanges of each user once, and checks each different sequence of
-- exchanges once, for one user who has it. The sequence includes everything that decides a verdict: the columns that
-- `check` reads, except ids and times; and of two times only whether they are equal or too far apart.
CREATE TABLE sorted_exchanges AS
WITH {common}, exchanges AS ({all_exchanges})
SELECT *, ROW_NUMBER() OVER by_time AS number, LAG(moment) OVER by_time AS earlier
FROM (SELECT *, MD5_NUMBER(sign_in) AS user_hash FROM exchanges)
WINDOW by_time AS (PARTITION BY user_hash ORDER BY moment, ranked, id)

-- name: users
CREATE TABLE users AS
WITH each_user AS (
SELECT user_hash, MD5_NUMBER(STRING_AGG(CONCAT_WS(CHR(31),
        symbol, COALESCE(next_node, CHR(29)), COALESCE(reply_node, CHR(29)), COALESCE(known_source, CHR(29)),
        CASE WHEN recorded THEN CONCAT_WS(' ', LENGTH(symbol), LENGTH(next_node), LENGTH(reply_node), LENGTH(known_source)) END,
        (CASE WHEN error IS NULL THEN 1 ELSE 0 END) + (CASE WHEN opens THEN 2 ELSE 0 END)
        + (CASE WHEN after_sign_in THEN 4 ELSE 0 END) + (CASE WHEN alone THEN 8 ELSE 0 END)
        + (CASE WHEN unattributed THEN 16 ELSE 0 END) + (CASE WHEN recorded THEN 32 ELSE 0 END)
        + (CASE WHEN moment = earlier THEN 64 WHEN earlier IS NULL THEN 128 WHEN moment IS NULL THEN 192 ELSE 0 END)
        + (CASE WHEN DATE_DIFF('second', earlier, moment) > {seconds} THEN 256 ELSE 0 END)
    ), CHR(30) ORDER BY number)) AS signature
FROM sorted_exchanges GROUP BY user_hash
), numbered AS (
    SELECT signature, MIN(user_hash) AS example, ROW_NUMBER() OVER (ORDER BY signature) AS sequence FROM each_user GROUP BY signature
)
SELECT user_hash, sequence, user_hash = example AS is_example FROM each_user JOIN numbered USING (signature)

-- name: sequences
CREATE TABLE sequences AS
WITH {transitions}, exchanges AS (
    SELECT LPAD(CAST(number AS VARCHAR), 19, '0') AS id, moment, ranked, symbol, error, opens, after_sign_in, alone,
        unattributed, copies, recorded, CAST(sequence AS VARCHAR) AS sign_in, known_source, next_node, reply_node
    FROM sorted_exchanges JOIN users USING (user_hash) WHERE is_example
), {check}
SELECT CAST(sign_in AS BIGINT) AS sequence, CAST(id AS BIGINT) AS number, attempt, source, symbol, dest, verdict,
    opens, tenths, ended
FROM checked

-- name: checked
WITH checked AS (
    SELECT id, sign_in, attempt, moment, ranked, source, sequences.symbol, dest, error, copies, sequences.opens, verdict,
        CASE WHEN tenths IS NOT NULL THEN FLOOR(DATE_DIFF('millisecond', earlier, moment) / 100.0) END AS tenths,
        ended
    FROM sorted_exchanges JOIN users USING (user_hash)
    JOIN sequences ON sequences.sequence = users.sequence AND sequences.number = sorted_exchanges.number
)

-- name: from_steps
-- Recorded steps as exchanges.
distinct_steps AS (
    SELECT sign_in, step, source, response, challenge_name, dest, role, error, lost, moment, COUNT(*) AS copies
    FROM steps
    GROUP BY sign_in, step, source, response, challenge_name, dest, role, error, lost, moment
), from_steps AS (
    SELECT sign_in || ' ' || CAST(step AS VARCHAR) AS id, moment, step AS ranked,
        COALESCE(challenge_name, response, '{unknown}') AS symbol, COALESCE(error, lost) AS error,
        COALESCE(source = 'START', FALSE) AND NOT {with_tokens} AS opens, {with_tokens} AS after_sign_in, FALSE AS alone,
        FALSE AS unattributed, copies, TRUE AS recorded, sign_in, COALESCE(source, '{unknown}') AS known_source,
        {reply_node} AS next_node, {reply_node} AS reply_node
    FROM distinct_steps
)

-- name: step_reply_node
-- The node to which a recorded step leads.
CASE WHEN (error IS NOT NULL OR lost IS NOT NULL) AND dest = source THEN NULL
            WHEN dest = 'MFA_SETUP' AND response = '{associate}' THEN '{app_associated}'
            WHEN dest = 'MFA_SETUP' AND response = '{verify}' THEN '{app_verified}'
            WHEN dest = 'EMAIL_OTP' AND role = '{first_factor}' THEN '{email_first_factor}'
            WHEN dest = 'EMAIL_OTP' AND role = '{second_factor}' THEN '{email_second_factor}'
            ELSE COALESCE(dest, '{unknown}') END
