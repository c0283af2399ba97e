SELECT count(*)::int
FROM public.usage_logs AS u
WHERE u.organization_id = tenant
AND tenant = ANY (ctx.organizations())
AND u.billable
AND u.feature = 'assessment_completed'
AND u.created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
AND u.created_at < (date_trunc('month',
    now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
