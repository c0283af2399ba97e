"""The operations of the API that the pages of access reviews run."""

LIST = """
query AccessReviews($id: UUID!, $after: String) {
  organization(id: $id) {
    id name
    accessReviews(first: 25, after: $after, orderBy: [{by: CREATED_AT, direction: DESC}]) {
      pageInfo { hasNextPage endCursor }
      nodes { id name state dueDate closedAt project { name } }
    }
  }
}
"""
CHOICES = """
query AccessReviewChoices($id: UUID!) {
  organization(id: $id) {
    id name
    projects(first: 100, orderBy: [{by: NAME}]) { pageInfo { hasNextPage } nodes { id name } }
    members(first: 49, filter: {role: {in: [OWNER, ADMIN]}, status: {eq: ACTIVE}}) {
      nodes { user { id fullName email isService } }
    }
  }
}
"""
CREATE = """
mutation CreateAccessReview($input: AccessReviewCreateInput!) {
  accessReviewCreate(input: $input) { accessReview { id } }
}
"""
READ = """
query AccessReview($id: UUID!, $after: String, $filter: AccessReviewItemFilterInput) {
  accessReview(id: $id) {
    id version name description state dueDate closedAt organizationId projectId endsUnconfirmed
    organization { name } project { name }
    createdBy { id fullName } closedBy { fullName } endsBy { fullName }
    reviewers { id fullName email }
    report { contentHash chainSeq isIntact }
    all: items(first: 1) { totalCount }
    pending: items(first: 1, filter: {decision: {eq: PENDING}}) { totalCount }
    items(first: 25, after: $after, filter: $filter) {
      pageInfo { hasNextPage endCursor }
      nodes {
        id userId kind grantId grantVersion role objectType grantedAt expiresAt lastUsedAt
        decision decidedAt comment isStale
        user { fullName email isService } grantedBy { fullName } decidedBy { fullName }
        object { ... on Organization { name } ... on Project { name } ... on Document { name } }
      }
    }
  }
}
"""
GRANTS = """
query ChangedGrants($ids: [ID!]!) {
  nodes(ids: $ids) {
    id
    ... on OrganizationMember { version memberRole: role status }
    ... on ProjectMember { version projectRole: role status }
    ... on UserRole { version grantedRole: role expiresAt }
  }
}
"""
DECIDE = """
mutation DecideOnAccess($id: UUID!, $decisions: [AccessDecisionInput!]!) {
  accessReviewDecide(id: $id, decisions: $decisions) { items { id } }
}
"""
CLOSE = """
mutation CloseAccessReview($id: UUID!, $version: BigInt!) {
  accessReviewClose(id: $id, expectedVersion: $version) { accessReview { id } }
}
"""
CANCEL = """
mutation CancelAccessReview($id: UUID!, $version: BigInt!) {
  accessReviewCancel(id: $id, expectedVersion: $version) { accessReview { id } }
}
"""
REPORT = """
query AccessReviewReport($id: UUID!) {
  accessReview(id: $id) { report { content } }
}
"""
