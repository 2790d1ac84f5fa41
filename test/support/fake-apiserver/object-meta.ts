import type { Schema } from './schema.ts'

const text = (description: string): Schema => ({ type: 'string', description })
const time = (description: string): Schema => ({ type: 'string', format: 'date-time', nullable: true, description })
const texts = (description: string): Schema => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
})

/** ObjectMeta of every kind, custom ones included: a CustomResourceDefinition says nothing of it. */
export const OBJECT_META: Schema = {
  type: 'object',
  description: "Standard object's metadata.",
  properties: {
    name: text('Name must be unique within a namespace.'),
    generateName: text('A prefix for a unique name that the server makes.'),
    namespace: text('The space within which each name must be unique.'),
    selfLink: text('Deprecated.'),
    uid: text('The unique in time and space value for this object.'),
    resourceVersion: text('The internal version of this object, for concurrency control and watches.'),
    generation: { type: 'integer', format: 'int64', description: 'A sequence number of the desired state.' },
    creationTimestamp: time('When this object was created.'),
    deletionTimestamp: time('When this object will be deleted.'),
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64', description: 'Seconds allowed to terminate.' },
    labels: texts('Keys and values to organize and select objects by.'),
    annotations: texts('Unstructured keys and values that tools may set.'),
    finalizers: {
      type: 'array',
      items: { type: 'string' },
      description: 'Must be empty before the object is deleted.',
      'x-kubernetes-list-type': 'set',
      'x-kubernetes-patch-strategy': 'merge',
    },
    ownerReferences: {
      type: 'array',
      description: 'Objects this object depends on.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'uid',
      items: {
        type: 'object',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        'x-kubernetes-map-type': 'atomic',
        properties: {
          apiVersion: text('API version of the referent.'),
          kind: text('Kind of the referent.'),
          name: text('Name of the referent.'),
          uid: text('UID of the referent.'),
          controller: { type: 'boolean', description: 'Whether this is the managing controller.' },
          blockOwnerDeletion: {
            type: 'boolean',
            description: 'Whether the owner waits for this one in the foreground.',
          },
        },
      },
    },
    managedFields: {
      type: 'array',
      description: 'Which manager owns which fields.',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
}

/** The whole object's schema: the type's own fields with apiVersion, kind and metadata as they are everywhere. */
export function wholeSchema(schema: Schema): Schema {
  return {
    ...schema,
    type: 'object',
    properties: {
      apiVersion: text('The versioned schema of this representation of an object.'),
      kind: text('The REST resource this object represents.'),
      ...schema.properties,
      metadata: OBJECT_META,
    },
  }
}
