"""The operations of billing that tests send."""

BILLING = """query ($id: UUID!) { organization(id: $id) { billingPlan maxMembers billing {
    enabled plan billingCycle status currentPeriodEnd cancelAtPeriodEnd trialEndsAt
    paymentRequiredAt viewerCanChange syncedAt card { brand last4 }
    invoices { number status total { amount currency } amountPaid { amount } url } } } }"""
CHECKOUT = """mutation ($input: CheckoutSessionCreateInput!) {
    checkoutSessionCreate(input: $input) { url } }"""
PORTAL = """mutation ($input: BillingPortalCreateInput!) {
    billingPortalCreate(input: $input) { url } }"""
CHANGE = """mutation ($input: SubscriptionChangeInput!) { subscriptionChange(input: $input) {
    organization { billing { plan billingCycle } }
    preview { amountDue { amount currency } prorationDate exceededLimits
        lines { description amount { amount } } } } }"""
CANCEL = """mutation ($input: SubscriptionCancelInput!) { subscriptionCancel(input: $input) {
    organization { billing { status cancelAtPeriodEnd } } } }"""
RESUME = """mutation ($input: SubscriptionResumeInput!) { subscriptionResume(input: $input) {
    organization { billing { status cancelAtPeriodEnd paymentRequiredAt } } } }"""
TRIAL = """mutation ($input: TrialStartInput!) { trialStart(input: $input) {
    organization { billing { plan status trialEndsAt } } } }"""
USAGE = """query ($id: UUID!, $by: UsageGrouping!, $since: Date, $until: Date) {
    organization(id: $id) { billing { usage(by: $by, since: $since, until: $until) {
        key unit quantity count person { id } } } } }"""
CREATE = """mutation ($document: UUID!) { requirementCreate(
    input: {documentId: $document, name: "New"}) { requirement { id version } } }"""
RENAME = """mutation ($id: UUID!, $version: BigInt!, $name: String!) { requirementUpdate(
    id: $id, expectedVersion: $version, input: {name: $name}) { requirement { version } } }"""
DELETE = """mutation ($id: UUID!, $version: BigInt!) { requirementDelete(
    id: $id, expectedVersion: $version) { requirement { id } } }"""


async def billing_of(world, person="owner"):
    """Return the billing of the world's organization."""
    return (await world.ask(person, BILLING, id=world.organization))["billing"]


def input_of(world, **fields):
    """Return the input of a mutation of the world's organization."""
    return {"input": {"organizationId": str(world.organization), **fields}}
